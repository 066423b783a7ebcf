"""The morning page: is money flowing, and can members reach what they paid for?"""
