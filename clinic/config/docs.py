"""Readable docs of the API, under the same strict browser rules as every page: no inline script, no inline
style."""

from drf_spectacular.views import SpectacularSwaggerSplitView


class ApiDocsView(SpectacularSwaggerSplitView):
    """Swagger UI from our own static files; the library's page has a style block, which the rules refuse."""

    template_name = "config/api_docs.html"
