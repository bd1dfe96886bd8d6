"""The images: rules of the Dockerfile, and the four of them built, looked into and started."""
