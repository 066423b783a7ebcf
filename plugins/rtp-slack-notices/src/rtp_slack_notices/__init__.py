"""Notices of refunds to a Slack-compatible webhook: a plugin of rtp."""
