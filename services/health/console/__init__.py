"""The console: pages rendered here, enhanced by htmx, usable without."""
