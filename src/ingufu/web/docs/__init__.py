"""The API's documents: the OpenAPI document, and the page that people read; nothing comes from a foreign host."""
