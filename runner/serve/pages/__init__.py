"""What the pages of `serve` show: values for templates, the templates, their style and script."""
