"""How the suite is run: locally, in an image, on Kubernetes."""
