package stream

import (
	"errors"
	"fmt"
	"strings"
	"text/template"
)

// Message is what a commit's message is made of; the trailers always follow it.
type Message struct {
	Subject string   // sso/keycloak:25.0 -> sha256:1f0c6a2e9b7d (+1)
	Body    string   // the moves with their labels, and the consumers, a line each; may be empty
	Streams []string // sso/keycloak
}

// RenderMessage gives the message of a commit, without trailers and final newline:
// subject and body, or what the template of the settings makes of them.
func RenderMessage(text string, m Message) (string, error) {
	if text == "" {
		return strings.TrimRight(m.Subject+"\n\n"+m.Body, "\n"), nil
	}
	t, err := template.New("commit.message").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&limited{b: &b, left: 1 << 20}, m); err != nil {
		return "", err
	}
	message := strings.TrimSpace(b.String())
	if message == "" || strings.HasPrefix(message, "#") {
		return "", errors.New("it makes no subject line")
	}
	return message, nil
}

// CheckMessage tells what is wrong with a template; the empty one is right.
func CheckMessage(text string) error {
	_, err := RenderMessage(text, Message{Subject: "subject", Body: "body", Streams: []string{"namespace/stream"}})
	return err
}

// Count writes a number with its noun: 1 commit, 2 commits.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// limited is a Builder that holds no more than so many bytes.
type limited struct {
	b    *strings.Builder
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errors.New("it makes more than a message")
	}
	return l.b.Write(p)
}
