package plan_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/reconciler/plan"
	"github.com/imgstream/imgstream/reconciler/survey"
)

// Tags that nobody uses are told of stream by stream, and in one line where they are many.
func TestUnused(t *testing.T) {
	for name, test := range map[string]struct {
		streams int
		want    string
	}{
		"some": {2, "imagestreams/s000.yaml:9: notice: default/s000: nobody uses the tags b, copy\n" +
			"imagestreams/s001.yaml:13: notice: default/s001: nobody uses the tag copy\n"},
		"many": {1000, "imagestreams/s000.yaml:9: notice: 1000 streams have tags that nobody uses: default/s000, default/s001, default/s002, " +
			"default/s003, default/s004, default/s005, default/s006, default/s007, default/s008, default/s009 and 990 more\n"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := fstest.MapFS{"app.yaml": {Data: []byte("image: r.io/a:1 # {\"$imagestream\": \"s000:latest\"}\n")}}
			for i := range test.streams {
				other := fmt.Sprintf("s%03d:b", (i+1)%test.streams)
				if i == test.streams-1 {
					other = "s000:none"
				}
				tree[fmt.Sprintf("imagestreams/s%03d.yaml", i)] = &fstest.MapFile{Data: []byte(fmt.Sprintf(`apiVersion: image.openshift.io/v1
kind: ImageStream
metadata: {name: s%03d}
spec:
  lookupPolicy: {local: false}
  tags:
  - name: a
    from: {kind: DockerImage, name: "r.io/a:1"}
  - name: b
    from: {kind: DockerImage, name: "r.io/b:1"}
  - name: latest
    from: {kind: ImageStreamTag, name: a}
  - name: copy
    from: {kind: ImageStreamTag, name: %q}
`, i, other))}
			}
			var got strings.Builder
			tip, err := survey.Read(tree)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range plan.Check(&tip.View, plan.Operator{}) {
				if strings.Contains(p.Message, "nobody uses") {
					fmt.Fprintln(&got, p)
				}
			}
			if diff := cmp.Diff(test.want, got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
