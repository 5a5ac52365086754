package describe

import (
	"fmt"
	"strings"

	"github.com/imgstream/imgstream/reconciler/plan"
)

// Consumer is a place that follows a tag, as get consumers -o yaml and json print it.
type Consumer struct {
	APIVersion string           `json:"apiVersion" yaml:"apiVersion"`
	Kind       string           `json:"kind" yaml:"kind"`
	Metadata   ConsumerMetadata `json:"metadata" yaml:"metadata"`
	Tag        string           `json:"tag" yaml:"tag"` // namespace/stream:tag; what the marker says where it is none
	File       string           `json:"file" yaml:"file"`
	Line       int              `json:"line" yaml:"line"`
	Path       string           `json:"path" yaml:"path"`
	Document   string           `json:"document" yaml:"document"`
	Label      string           `json:"label" yaml:"label"`
	Binding    string           `json:"binding" yaml:"binding"` // entry, value, group, part, from, line, trigger, lookup
	Image      string           `json:"image" yaml:"image"`     // what it shows now
	Wants      string           `json:"wants,omitempty" yaml:"wants,omitempty"`
	State      string           `json:"state" yaml:"state"`
	Reason     string           `json:"reason,omitempty" yaml:"reason,omitempty"`
}

// ConsumerMetadata names a Consumer.
type ConsumerMetadata struct {
	Name      string `json:"name" yaml:"name"`                               // file:line
	Namespace string `json:"namespace,omitempty" yaml:"namespace,omitempty"` // the consumer's own; left out where it is stated nowhere
}

// NewConsumer puts a consumer into words.
func NewConsumer(c plan.Consumer) Consumer {
	state, reason := standing(c)
	tag := c.Ref.String()
	if c.Err != nil {
		tag = c.Use.Use.Ref
	}
	return Consumer{
		APIVersion: "imgstream.dev/v1", Kind: "Consumer",
		Metadata: ConsumerMetadata{Name: c.Pos().String(), Namespace: c.Namespace},
		Tag:      tag, File: c.File, Line: c.Line, Path: c.Path, Document: c.Document, Label: c.Label,
		Binding: c.Binding(), Image: c.ImageText(), Wants: c.Wants, State: state, Reason: reason,
	}
}

// standing is where a consumer stands with its tag, and why.
func standing(c plan.Consumer) (state, reason string) {
	switch {
	case c.Err != nil:
		return "refused", c.Err.Error()
	case c.Unknown:
		return "refused", "no image stream has the tag"
	case c.Paused != "":
		return "paused", c.Paused
	case c.Shows:
		return "up to date", ""
	case c.Refused != "":
		return "refused", c.Refused
	case c.Broken:
		return "waits", "the status file of its tag cannot be used"
	case c.Wants == "":
		return "waits", "its tag has no image yet"
	case c.Removes:
		return "outdated", "no manifest needs the entry: the next pass takes it away"
	case c.Held:
		return "held", "people changed it, and it stays until the tag moves on"
	case c.Denied != "":
		return "refused", c.Denied
	case c.Writes:
		return "outdated", "the next pass writes it"
	case c.Waits:
		return "waits", "it could not be written when its tag moved"
	}
	return "outdated", ""
}

// stateText is the state with its reason.
func stateText(c plan.Consumer) string {
	state, reason := standing(c)
	if reason == "" {
		return state
	}
	return state + ": " + reason
}

// Consumers is the table of get consumers: a row for each, in the order given.
func Consumers(consumers []plan.Consumer, cols Columns) string {
	header := []string{"CONSUMER", "NAME", "TAG", "BINDING", "IMAGE"}
	if cols.Wide {
		header = append(header, "WANTS", "PATH")
	}
	rows := [][]string{cols.row("NAMESPACE", append(header, "STATE")...)}
	for _, c := range consumers {
		d := NewConsumer(c)
		tag := c.Ref.Name + ":" + c.Ref.Tag
		if c.Err != nil {
			tag = d.Tag
		}
		row := []string{cell(d.Metadata.Name), cell(d.Label), cell(tag), d.Binding, cell(briefly(d.Image))}
		if cols.Wide {
			row = []string{cell(d.Metadata.Name), cell(d.Label), cell(tag), d.Binding, cell(d.Image), cell(d.Wants), cell(d.Path)}
		}
		rows = append(rows, cols.row(c.Ref.Namespace, append(row, cell(stateText(c)))...))
	}
	return table(rows)
}

// briefly is an image with the beginning of its digest alone.
func briefly(image string) string {
	const digits = 12
	name, digest, ok := strings.Cut(image, "sha256:")
	if !ok || len(digest) <= digits {
		return image
	}
	return fmt.Sprintf("%ssha256:%s", name, digest[:digits])
}
