"""What the API and the console share: the form of a route, and the one place that serves them."""
