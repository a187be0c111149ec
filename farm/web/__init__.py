"""The pages that browsers show: files of this package, made whole. They hold no data, and ask the API for it."""

from farm.web.pages import Page, review_page

__all__ = ["Page", "review_page"]
