package stream

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOpenShiftRules goes through the rules V1 to V16 of openshift.md 1.3: what breaks
// each, and what is said where. "" means that it is allowed.
func TestOpenShiftRules(t *testing.T) {
	const a64 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	stream := func(metadata, spec string) string {
		return "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {" + metadata + "}\nspec:\n" + spec
	}
	tag := func(body string) string {
		return stream("name: app, namespace: ns", "  tags:\n  - name: a\n"+body)
	}
	for _, tt := range []struct{ rule, src, want string }{
		{"V1", stream("namespace: ns", "  tags: []\n"), `app.yaml:3: error: metadata.name is missing (write the name of the stream)`},
		{"V2", stream("name: a/b", "  tags: []\n"), `app.yaml:3: error: metadata.name "a/b" is not the name of a stream (write lower-case letters and digits, with single ".", "_" or "-" between them)`},
		{"V2", stream("name: a%b", "  tags: []\n"), `app.yaml:3: error: metadata.name "a%b" is not the name of a stream (write lower-case letters and digits, with single ".", "_" or "-" between them)`},
		{"V2", stream("name: ..", "  tags: []\n"), `app.yaml:3: error: metadata.name ".." is not the name of a stream (write lower-case letters and digits, with single ".", "_" or "-" between them)`},
		{"V3", stream("name: A", "  tags: []\n"), `app.yaml:3: error: metadata.name "A" is not the name of a stream (write lower-case letters and digits, with single ".", "_" or "-" between them)`},
		{"V3", stream("name: a..b", "  tags: []\n"), `app.yaml:3: error: metadata.name "a..b" is not the name of a stream (write lower-case letters and digits, with single ".", "_" or "-" between them)`},
		{"V3", stream("name: a.b_c-d", "  tags: []\n"), ""},
		{"V4", stream("name: app, namespace: A_b", "  tags: []\n"), `app.yaml:3: error: metadata.namespace "A_b" is not a namespace (write lower-case letters, digits and "-", at most 63)`},
		{"V4", stream("name: app, namespace: "+strings.Repeat("n", 64), "  tags: []\n"), `app.yaml:3: error: metadata.namespace "` + strings.Repeat("n", 64) + `" is not a namespace (write lower-case letters, digits and "-", at most 63)`},
		{"V4", stream("name: app", "  tags: []\n"), ""}, // the settings or "default" give one
		{"V5", stream("name: "+strings.Repeat("a", 253)+", namespace: ns", "  tags: []\n"), `app.yaml:1: error: namespace/name is longer than 255 characters (write a shorter name)`},
		{"V5", stream("name: "+strings.Repeat("a", 252)+", namespace: ns", "  tags: []\n"), ""},
		{"V6", stream("name: app", "  dockerImageRepository: Q U A Y\n"), `app.yaml:5: error: spec.dockerImageRepository: invalid image reference "Q U A Y": repository name must be lowercase (write registry/repository)`},
		{"V7", stream("name: app", "  dockerImageRepository: quay.io/org/app:1\n"), `app.yaml:5: error: spec.dockerImageRepository "quay.io/org/app:1" has a tag or digest (write registry/repository)`},
		{"V7", stream("name: app", "  dockerImageRepository: quay.io/org/app@sha256:"+a64+"\n"), `app.yaml:5: error: spec.dockerImageRepository "quay.io/org/app@sha256:` + a64 + `" has a tag or digest (write registry/repository)`},
		{"V8", tag("    from: {kind: DockerImage}\n"), `app.yaml:7: error: spec.tags[].from.name is missing (write what the tag takes its image from)`},
		{"V8", tag(""), ""}, // from: null is a tag that is only pushed to
		{"V9", tag("    from: {kind: dockerimage, name: quay.io/org/app}\n"), `app.yaml:7: error: spec.tags[].from.kind "dockerimage" is not known (did you mean DockerImage?)`},
		{"V9", tag("    from: {name: quay.io/org/app}\n"), `app.yaml:7: error: spec.tags[].from.kind is missing (write DockerImage, ImageStreamTag, ImageStreamImage)`},
		{"V10", tag("    from: {kind: DockerImage, name: 'quay.io/org/app:'}\n"), `app.yaml:7: error: from.name: invalid image reference "quay.io/org/app:": "" is not a tag (write [registry/]repository[:tag] or [registry/]repository@digest)`},
		{"V10", tag("    from: {kind: DockerImage, name: quay.io/Org/App}\n"), `app.yaml:7: error: from.name: invalid image reference "quay.io/Org/App": repository name must be lowercase (write [registry/]repository[:tag] or [registry/]repository@digest)`},
		{"V11", tag("    from: {kind: ImageStreamTag, name: b}\n    importPolicy: {scheduled: true}\n"), `app.yaml:8: error: only tags with from.kind: DockerImage may be scheduled (remove it: a tag that follows another moves with it)`},
		{"V12", tag("    from: {kind: DockerImage, name: 'quay.io/org/app@sha256:" + a64 + "'}\n    importPolicy: {scheduled: true}\n"), ""},
		{"V13", tag("    from: {kind: DockerImage, name: quay.io/org/app}\n    referencePolicy: {type: local}\n"), `app.yaml:8: error: referencePolicy.type "local" is not known (write type: Source or type: Local)`},
		{"V14", tag("    from: {kind: DockerImage, name: quay.io/org/app}\n    importPolicy: {importMode: All}\n"), `app.yaml:8: error: importMode "All" is not known (write PreserveOriginal, or remove it)`},
		{"V15", stream("name: app", "  tags: []\nstatus:\n  tags:\n  - tag: a\n    items: [{image: 'sha256:"+a64+"'}]\n"), `app.yaml:9: notice: status.tags: an item of the history is skipped: dockerImageReference is missing`},
		{"V15", stream("name: app", "  tags: []\nstatus:\n  tags:\n  - tag: a\n    items: [{image: 'sha256:"+a64+"', dockerImageReference: A b}]\n"), `app.yaml:9: notice: status.tags: an item of the history is skipped: dockerImageReference: invalid image reference "A b": repository name must be lowercase`},
		{"V16", tag("    from: {kind: ImageStreamTag, name: 'a:b:c'}\n"), `app.yaml:7: error: from.name "a:b:c": "b:c" is not a tag: write <tag> or <stream>:<tag>`},
		{"V16", tag("    from: {kind: ImageStreamTag, name: 'app@sha256:" + a64 + "'}\n"), `app.yaml:7: error: from.name "app@sha256:` + a64 + `": it names an image, not a tag: write kind: ImageStreamImage`},
		{"V16", tag("    from: {kind: ImageStreamImage, name: app}\n"), `app.yaml:7: error: from.name "app": "app" is not a digest: write <stream>@<digest> or <digest>, or kind: ImageStreamTag for a tag`},
		{"V16", tag("    from: {kind: ImageStreamTag, name: b}\n"), ""},
		{"V16", tag("    from: {kind: ImageStreamTag, name: 'other:b'}\n"), ""},
		{"V16", tag("    from: {kind: ImageStreamImage, name: 'other@sha256:12ab'}\n"), ""},
	} {
		f := ParseSpecs([]byte(tt.src))
		tree := Compose(DefaultSettings(), []SpecAt{{Path: "app.yaml", File: f}}, nil)
		for i := range tree.Problems {
			tree.Problems[i].Ref = Ref{}
		}
		want := tt.want
		if want != "" {
			want += "\n"
		}
		if diff := cmp.Diff(want, show(tree.Problems)); diff != "" {
			t.Errorf("%s:\n%s(-want +got):\n%s", tt.rule, tt.src, diff)
		}
	}
}
