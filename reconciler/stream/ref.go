package stream

// Ref names a stream, a tag of it, or an image in its history:
// sso/keycloak, sso/keycloak:25.0, sso/keycloak@sha256:….
type Ref struct{ Namespace, Name, Tag, Digest string }

// String gives namespace/name, namespace/name:tag or namespace/name@digest.
func (r Ref) String() string {
	s := r.Name
	if r.Namespace != "" {
		s = r.Namespace + "/" + s
	}
	switch {
	case r.Digest != "":
		s += "@" + r.Digest
	case r.Tag != "":
		s += ":" + r.Tag
	}
	return s
}
