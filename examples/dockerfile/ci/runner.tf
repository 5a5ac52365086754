# The container in which the pipeline runs its tests.
resource "docker_image" "runner" {
  name         = "docker.io/library/golang:1.26-alpine@sha256:d754ed9f64ac293b10268157f283ee23256fb32a4f8dedb25c8446ca5bcb0bb3" # {"$imagestream": "golang:1.26"}
  keep_locally = true
}
