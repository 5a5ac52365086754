package stream_test

import (
	"testing"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

func TestMinAge(t *testing.T) {
	settings := stream.DefaultSettings()
	settings.Imports.MinAge = time.Hour
	docker, follows := &stream.From{Kind: stream.KindDockerImage}, &stream.From{Kind: stream.KindImageStreamTag}
	age := func(d string) map[string]string { return map[string]string{stream.AnnotationMinAge: d} }
	tests := map[string]struct {
		from            *stream.From
		ofStream, ofTag map[string]string
		want            time.Duration
	}{
		"settings":             {from: docker, want: time.Hour},
		"stream":               {from: docker, ofStream: age("2h"), want: 2 * time.Hour},
		"tag":                  {from: docker, ofStream: age("2h"), ofTag: age("3h"), want: 3 * time.Hour},
		"switched off":         {from: docker, ofStream: age("2h"), ofTag: age("0s"), want: 0},
		"follows":              {from: follows, ofStream: age("2h"), want: 0},
		"follows, by its own":  {from: follows, ofStream: age("2h"), ofTag: age("3h"), want: 3 * time.Hour},
		"pinned":               {from: &stream.From{Kind: stream.KindImageStreamImage}, ofTag: age("3h"), want: 0},
		"pushed to":            {ofTag: age("3h"), want: 0},
		"not a time: reported": {from: docker, ofTag: age("soon"), want: time.Hour},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &stream.Stream{Annotations: test.ofStream}
			if got := s.MinAge(&stream.Tag{From: test.from, Annotations: test.ofTag}, settings); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
