package describe

import (
	"bytes"
	"encoding/json"

	"go.yaml.in/yaml/v3"
)

// List is several documents as kubectl and oc print them.
type List[T any] struct {
	APIVersion string `json:"apiVersion" yaml:"apiVersion"`
	Items      []T    `json:"items" yaml:"items"`
	Kind       string `json:"kind" yaml:"kind"`
}

// NewList gives the List of documents.
func NewList[T any](items []T) List[T] {
	return List[T]{APIVersion: "v1", Items: append([]T{}, items...), Kind: "List"}
}

// YAML encodes a document in block style, lists not indented, as oc does.
func YAML(document any) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	enc.CompactSeqIndent()
	if err := enc.Encode(document); err != nil {
		return "", err
	}
	return b.String(), enc.Close()
}

// JSON encodes a document with an indent of four, as oc does.
func JSON(document any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "    ")
	err := enc.Encode(document)
	return b.String(), err
}
