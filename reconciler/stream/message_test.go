package stream

import "testing"

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 commits", 1: "1 commit", 2: "2 commits"} {
		if got := Count(n, "commit"); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

func TestRenderMessage(t *testing.T) {
	m := Message{Subject: "sso/keycloak:25.0 -> sha256:1f0c", Body: "  25.0  moved\n", Streams: []string{"sso/keycloak"}}
	for _, c := range []struct{ template, want, err string }{
		{"", "sso/keycloak:25.0 -> sha256:1f0c\n\n  25.0  moved", ""},
		{"chore(images): {{.Subject}}\n\n{{.Body}}", "chore(images): sso/keycloak:25.0 -> sha256:1f0c\n\n  25.0  moved", ""},
		{"{{range .Streams}}{{.}} {{end}}", "sso/keycloak", ""},
		{"{{.Subjekt}}", "", "template: commit.message:1:2: executing \"commit.message\" at <.Subjekt>: can't evaluate field Subjekt in type stream.Message"},
		{"{{", "", "template: commit.message:1: unclosed action"},
		{" \n", "", "it makes no subject line"},
		{"{{range .Streams}}{{printf \"%2000000s\" .}}{{end}}", "", "it makes more than a message"},
	} {
		got, err := RenderMessage(c.template, m)
		if text := errorText(err); got != c.want || text != c.err {
			t.Errorf("%q: %q, %q", c.template, got, text)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
