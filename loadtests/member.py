"""A member opens the site, as the storefront's server asks for it: what is sold, who this is, what is open to them.

Plain locust runs it: RTP_URL is the platform, RTP_TOKEN a token of the role viewer.
    RTP_URL=http://127.0.0.1:8000 RTP_TOKEN=rtp_… locust -f loadtests/member.py
"""

from __future__ import annotations

import os
import random

from locust import FastHttpUser, between, task


class Member(FastHttpUser):
    """One visitor: each page is the requests that the storefront's server makes for it."""

    host = os.environ.get("RTP_URL", "http://127.0.0.1:8000")
    wait_time = between(0.1, 0.5)
    default_headers = {"Authorization": f"Bearer {os.environ.get('RTP_TOKEN', '')}"}

    def on_start(self) -> None:
        """Learn what there is to look at."""
        self.products = [one["key"] for one in self._items("/v1/products", "GET /v1/products")]
        self.members = [one["id"] for one in self._items("/v1/users?limit=200", "GET /v1/users")]

    @task(3)
    def front_page(self) -> None:
        """The shop window: products, and the prices of one of them."""
        self._items("/v1/products", "GET /v1/products")
        if self.products:
            self._items(f"/v1/prices?product={random.choice(self.products)}", "GET /v1/prices")

    @task(5)
    def enter_a_room(self) -> None:
        """May this member enter? Asked at every page of a room."""
        if self.members and self.products:
            path = f"/v1/users/{random.choice(self.members)}/entitlements/{random.choice(self.products)}"
            self.client.get(path, headers=self.default_headers, name="GET /v1/users/{user}/entitlements/{product}")

    @task(2)
    def account_page(self) -> None:
        """The member's own page."""
        if self.members:
            path = f"/v1/users/{random.choice(self.members)}"
            self.client.get(path, headers=self.default_headers, name="GET /v1/users/{user}")

    def _items(self, path: str, name: str) -> list[dict[str, str]]:
        with self.client.get(path, headers=self.default_headers, name=name, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"answer {answer.status_code}")
                return []
            items: list[dict[str, str]] = answer.json()["items"]
            return items
