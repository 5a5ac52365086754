package describe

import "github.com/imgstream/imgstream/reconciler/stream"

// Sarif is a log in the Static Analysis Results Interchange Format 2.1.0.
type Sarif struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"version"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID                   string      `json:"id"`
	ShortDescription     sarifText   `json:"shortDescription"`
	DefaultConfiguration sarifConfig `json:"defaultConfiguration"`
}

type sarifConfig struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifLocation struct {
	PhysicalLocation sarifPlace `json:"physicalLocation"`
}

type sarifPlace struct {
	ArtifactLocation sarifArtifact `json:"artifactLocation"`
	Region           sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI       string `json:"uri"`
	URIBaseID string `json:"uriBaseId"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

// sarifRules has a rule for each Severity, in their order.
var sarifRules = []sarifRule{
	{ID: "imgstream/error", ShortDescription: sarifText{"Something of an image stream that must be mended"}, DefaultConfiguration: sarifConfig{"error"}},
	{ID: "imgstream/warning", ShortDescription: sarifText{"Something of an image stream that people should know"}, DefaultConfiguration: sarifConfig{"warning"}},
	{ID: "imgstream/notice", ShortDescription: sarifText{"Something of an image stream that has no effect, or an unusual one"}, DefaultConfiguration: sarifConfig{"note"}},
}

// NewSarif gives the log of one run of the named version.
func NewSarif(problems []stream.Problem, version string) Sarif {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name: "imgstream", Version: version, InformationURI: "https://github.com/imgstream/imgstream", Rules: sarifRules,
		}},
		Results: make([]sarifResult, len(problems)),
	}
	for i, p := range problems {
		run.Results[i] = sarifResultOf(p)
	}
	return Sarif{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	}
}

// sarifResultOf gives a finding about a whole file the first line: readers such as
// GitHub show no result without one.
func sarifResultOf(p stream.Problem) sarifResult {
	rule := sarifRules[p.Severity]
	result := sarifResult{RuleID: rule.ID, RuleIndex: int(p.Severity), Level: rule.DefaultConfiguration.Level, Message: sarifText{text(p)}}
	if p.Pos.File != "" {
		result.Locations = []sarifLocation{{PhysicalLocation: sarifPlace{
			ArtifactLocation: sarifArtifact{URI: uri(p.Pos.File), URIBaseID: "%SRCROOT%"},
			Region:           sarifRegion{StartLine: max(p.Pos.Line, 1)},
		}}}
	}
	return result
}
