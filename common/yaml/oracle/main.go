// Command oracle writes what Kubernetes' own Go code makes of YAML texts.
//
//	oracle DIR...   for each DIR/*.yaml write DIR/*.json
//	oracle -        one JSON string per line on stdin, one result per line on stdout
//
// A result is {"documents":[...]} or {"error":true}. The steps are those of Argo CD's SplitYAML:
// apimachinery's decoder cuts the text, sigs.k8s.io/yaml converts each part, null is left out.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type result struct {
	Documents []json.RawMessage `json:"documents,omitempty"`
	Error     bool              `json:"error,omitempty"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: oracle DIR... | oracle -")
	}
	if args[0] == "-" {
		return lines(os.Stdin, os.Stdout)
	}
	for _, dir := range args {
		if err := goldens(dir); err != nil {
			return err
		}
	}
	return nil
}

func goldens(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		golden := strings.TrimSuffix(path, ".yaml") + ".json"
		if err := os.WriteFile(golden, append(encode(text), '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func lines(in io.Reader, out io.Writer) error {
	decoder, writer := json.NewDecoder(in), bufio.NewWriter(out)
	defer writer.Flush()
	for {
		var text string
		if err := decoder.Decode(&text); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := writer.Write(append(encode([]byte(text)), '\n')); err != nil {
			return err
		}
	}
}

func encode(text []byte) []byte {
	documents, err := convert(text)
	encoded := result{Documents: documents, Error: err != nil}
	if err == nil && documents == nil {
		return []byte(`{"documents":[]}`)
	}
	if err != nil {
		encoded.Documents = nil
	}
	out, err := json.Marshal(encoded)
	if err != nil {
		return []byte(`{"error":true}`)
	}
	return out
}

func convert(text []byte) (documents []json.RawMessage, err error) {
	decoder := kubeyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	// A JSON stream is cut, but not converted: Argo CD reads each part as YAML afterwards.
	maybeJSON := bytes.HasPrefix(bytes.TrimSpace(text), []byte("{"))
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err == io.EOF {
			return documents, nil
		} else if err != nil {
			return nil, err
		}
		if maybeJSON && len(raw) > 0 {
			if raw, err = yaml.YAMLToJSON(raw); err != nil {
				return nil, err
			}
		}
		if raw = bytes.TrimSpace(raw); len(raw) > 0 && !bytes.Equal(raw, []byte("null")) {
			documents = append(documents, raw)
		}
	}
}
