package describe

import (
	"testing"

	"github.com/imgstream/imgstream/reconciler/stream"
)

func TestPruned(t *testing.T) {
	tag := stream.Ref{Namespace: "sso", Name: "keycloak", Tag: "25.0"}
	p := Pruned{
		Items: []stream.TagItem{
			{Ref: tag, Item: stream.Item{Image: digest("a"), Created: "2026-11-01T12:00:00Z"}},
			{Ref: tag, Item: stream.Item{DockerImageReference: "quay.io/k/k:1", Created: "2026-10-01T12:00:00Z"}},
		},
		Statuses: []stream.Ref{{Namespace: "sso", Name: "keycloak", Tag: "old"}},
		Images:   []string{digest("a"), digest("b")},
	}
	golden(t, "prune.txt", p.Text(false, now))
	golden(t, "prune-dry.txt", Pruned{Items: p.Items[:1]}.Text(true, now))
	golden(t, "prune-none.txt", Pruned{}.Text(true, now))
}
