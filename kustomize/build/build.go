// Package build builds kustomizations as `kustomize build` does, by kustomize's own
// library, and says what they come to. It reads nothing but the file system it is given,
// and refuses beforehand whatever kustomize would fetch or run for a build.
package build

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

// running is held by the one build of the process: kustomize keeps the OpenAPI schema of
// a build in global variables.
var running sync.Mutex

// Build builds s. Manifests may lie anywhere in the repository, as Flux has it. An error
// is an *Error.
func (s *Source) Build() (out *Output, err error) {
	running.Lock()
	defer running.Unlock()
	defer quiet()()
	defer recovered(s.Path, &err)
	if s.schema { // kustomize adds it to what it knows, and keeps it
		openapi.ResetOpenAPI()
		defer openapi.ResetOpenAPI()
	}
	options := krusty.Options{LoadRestrictions: types.LoadRestrictionsNone, Reorder: krusty.ReorderOptionNone, PluginConfig: types.DisabledPluginConfig()}
	m, err := krusty.MakeKustomizer(&options).Run(newTree(s.files), clean(s.dir))
	if err != nil {
		return nil, place{s.Path, 0}.fails("%s", words(err))
	}
	return output(m), nil
}

// Release gives back the memory that kustomize keeps from one build to the next: 4 MB of
// Kubernetes' schema once a strategic merge patch was applied, which takes 20 ms to read anew.
func Release() {
	running.Lock()
	defer running.Unlock()
	openapi.ResetOpenAPI()
}

// output is what a build made.
func output(m resmap.ResMap) *Output {
	out := &Output{}
	for _, r := range m.Resources() {
		out.Objects = append(out.Objects, Object{
			APIVersion: r.GetApiVersion(), Kind: r.GetKind(), Namespace: r.GetNamespace(), Name: r.GetName(), root: r.YNode(),
		})
	}
	return out
}

// recovered turns a panic into the error of a function.
func recovered(file string, err *error) {
	if p := recover(); p != nil {
		*err = place{file, 0}.fails("kustomize gives up: %s", oneLine(fmt.Sprint(p)))
	}
}

// noise is what kustomize's errors say besides: the configuration of a plugin, and that a
// directory is no file.
var noise = regexp.MustCompile("(?s) with config: `.*`|accumulating resources: accumulation err='accumulating resources from '[^']*': [^']*': (recursed accumulation of path '[^']*': )?")

// words are the first line of kustomize's error, which may show whole objects below it.
func words(err error) string { return oneLine(noise.ReplaceAllString(err.Error(), "")) }

func oneLine(s string) string {
	const most = 300 // runes
	s = firstLine(strings.TrimSpace(s))
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return s
}

// quiet keeps kustomize from writing to standard error (deprecated fields, vars without a use) and
// from ending the process (log.Fatal), and bounds the copies of JSON patches, until it is undone.
func quiet() (undo func()) {
	stderr, logged, limit := os.Stderr, log.Writer(), jsonpatch.AccumulatedCopySizeLimit
	os.Stderr = nil // *os.File is fit for that
	log.SetOutput(muted{logged})
	jsonpatch.AccumulatedCopySizeLimit = maxBytes
	return func() {
		os.Stderr = stderr
		log.SetOutput(logged)
		jsonpatch.AccumulatedCopySizeLimit = limit
	}
}

// muted is the standard logger's output during a build. What others log goes on to it.
type muted struct{ io.Writer }

// Write is called by log.Fatal before it ends the process: a panic gets ahead of that.
func (m muted) Write(p []byte) (int, error) {
	switch fatal, kustomize := caller(); {
	case fatal && kustomize:
		panic(string(bytes.TrimSpace(p)))
	case kustomize:
		return len(p), nil
	}
	return m.Writer.Write(p)
}

// caller reports whether kustomize logs, and whether it is about to end the process.
func caller() (fatal, kustomize bool) {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		fatal = fatal || strings.HasPrefix(f.Function, "log.Fatal") || strings.HasPrefix(f.Function, "log.(*Logger).Fatal")
		kustomize = kustomize || strings.HasPrefix(f.Function, "sigs.k8s.io/kustomize/")
		if !more {
			return fatal, kustomize
		}
	}
}
