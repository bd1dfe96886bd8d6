"""What runs Heliograph elsewhere: images, Compose, Kubernetes, alerts; and what checks them."""
