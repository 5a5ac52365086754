package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// imageSource is what SOURCE of tag, and --from of create, mean: an image in a registry, a
// tag of a stream, or an image in the history of one.
type imageSource struct {
	kind string // of stream.From
	spec string // as typed, of a DockerImage
	ref  stream.Ref
}

// sourceKinds are the values of --source.
var sourceKinds = map[string]string{
	"imagestreamtag": stream.KindImageStreamTag, "istag": stream.KindImageStreamTag,
	"imagestreamimage": stream.KindImageStreamImage, "isimage": stream.KindImageStreamImage,
	"docker": stream.KindDockerImage, "dockerimage": stream.KindDockerImage,
}

// parseSource reads SOURCE. Without a kind it is inferred (openshift.md 4.1): a registry
// makes it an image of one, @ an image of a stream, : a tag of one, nothing an image.
func parseSource(s, kind, namespace string) (imageSource, error) {
	parts := splitImage(s)
	inferred := parts.kind()
	if kind != "" {
		inferred = sourceKinds[strings.ToLower(kind)]
	}
	switch {
	case inferred == "":
		return imageSource{}, usagef("invalid source %q; valid values are imagestreamtag, istag, imagestreamimage, isimage, docker", kind)
	case inferred == stream.KindDockerImage:
		if _, err := stream.ParseImage(s); err != nil {
			return imageSource{}, usagef("invalid SOURCE: %v", err)
		}
		return imageSource{kind: inferred, spec: s}, nil
	case parts.registry != "":
		return imageSource{}, usagef("server in SOURCE is only allowed when providing a container image")
	case inferred == stream.KindImageStreamTag && (parts.tag == "" || parts.digest != ""):
		return imageSource{}, usagef("--source=ImageStreamTag requires a valid <name>:<tag> in SOURCE")
	case inferred == stream.KindImageStreamImage && parts.digest == "":
		return imageSource{}, usagef("--source=ImageStreamImage requires a valid <name>@<id> in SOURCE")
	}
	ref := stream.Ref{Namespace: cmp.Or(parts.namespace, namespace), Name: parts.name}
	if inferred == stream.KindImageStreamTag {
		ref.Tag = parts.tag
	} else {
		ref.Digest = parts.digest
	}
	return imageSource{kind: inferred, ref: ref}, checkSource(inferred, ref)
}

func checkSource(kind string, ref stream.Ref) error {
	name := ref.Name + ":" + ref.Tag
	if kind == stream.KindImageStreamImage {
		name = ref.Name + "@" + ref.Digest
	}
	_, err := stream.ParseSource(ref, stream.From{Kind: kind, Name: name})
	if err == nil && !stream.IsNamespace(ref.Namespace) {
		err = fmt.Errorf("%q is not a namespace", ref.Namespace)
	}
	if err != nil {
		return usagef("invalid SOURCE: %v", err)
	}
	return nil
}

// imageParts is a reference as openshift.md 1.10 takes it apart.
type imageParts struct{ registry, namespace, name, tag, digest string }

func splitImage(s string) imageParts {
	var p imageParts
	rest, digest, _ := strings.Cut(s, "@")
	p.digest = digest
	if first, path, ok := strings.Cut(rest, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		p.registry, rest = first, path
	}
	if i := strings.LastIndex(rest, ":"); i >= 0 {
		rest, p.tag = rest[:i], rest[i+1:]
	}
	p.name = rest
	if namespace, name, ok := strings.Cut(rest, "/"); ok {
		p.namespace, p.name = namespace, name
	}
	return p
}

func (p imageParts) kind() string {
	switch {
	case p.registry != "":
		return stream.KindDockerImage
	case p.digest != "":
		return stream.KindImageStreamImage
	case p.tag != "":
		return stream.KindImageStreamTag
	}
	return stream.KindDockerImage
}

// parseDestination reads [NAMESPACE/]STREAM:TAG. The form of the tag is for checkTag.
func parseDestination(s, namespace string) (stream.Ref, error) {
	ref := stream.Ref{Namespace: namespace}
	rest := s
	if ns, name, ok := strings.Cut(s, "/"); ok {
		ref.Namespace, rest = ns, name
	}
	if !stream.IsNamespace(ref.Namespace) {
		return ref, notNamespace(ref.Namespace)
	}
	name, tag, ok := strings.Cut(rest, ":")
	ref.Name, ref.Tag = name, tag
	if !ok || name == "" || tag == "" || strings.ContainsAny(tag, ":@/") || !stream.IsName(name) {
		return ref, usagef("%q must be of the form <stream_name>:<tag>", s)
	}
	return ref, nil
}

func notNamespace(name string) error {
	return usagef("%q is not a namespace: write lower-case letters, digits and \"-\", at most 63", name)
}

func checkTag(tag string) error {
	if stream.IsTag(tag) {
		return nil
	}
	return usagef("invalid tag %q format, tags must start with an alphanumeric character followed by alphanumeric, '.' or '-' characters, and have a maximum of 128 characters", tag)
}

// importFlags are how a tag is imported, as the verbs take it.
type importFlags struct {
	scheduled, insecure, reference bool
	referencePolicy, importMode    string
}

// valid refuses values that say nothing (openshift.md 4.1).
func (i *importFlags) valid() error {
	if err := i.validPolicy(); err != nil {
		return err
	}
	return i.validMode()
}

// validPolicy takes a policy's name in any case, as oc does.
func (i *importFlags) validPolicy() error {
	switch strings.ToLower(i.referencePolicy) {
	case "", "source":
		i.referencePolicy = ""
	case "local":
		i.referencePolicy = "Local"
	default:
		return usagef("reference policy must be set to 'source' or 'local'")
	}
	return nil
}

func (i *importFlags) validMode() error {
	switch i.importMode {
	case "", stream.ModeLegacy, stream.ModePreserveOriginal:
		return nil
	}
	return usagef("valid ImportMode values are %s or %s", stream.ModeLegacy, stream.ModePreserveOriginal)
}

var errTwoSources = errors.New("--from and --from-image may not be used together")
