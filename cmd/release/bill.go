package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeBill writes what is in a program, as Go's linker noted it there.
func (r *release) writeBill(file, program string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return fmt.Errorf("read what is in the program: %w", err)
	}
	sum, err := sumOf(program)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	e := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON)
	if err := e.SetPretty(true).SetEscapeHTML(false).Encode(r.bill(info, sum)); err != nil {
		return fmt.Errorf("write bill of materials: %w", err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write bill of materials: %w", err)
	}
	return nil
}

// bill is what a program with that checksum is made of.
func (r *release) bill(info *debug.BuildInfo, sum string) *cdx.BOM {
	bom := cdx.NewBOM()
	bom.SerialNumber = serial(sum)
	main := cdx.Component{
		BOMRef: "pkg:golang/" + info.Main.Path + "@" + r.version, Type: cdx.ComponentTypeApplication, Name: r.name, Version: r.version, Description: r.summary,
		Hashes:   &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}},
		Licenses: &cdx.Licenses{{License: &cdx.License{ID: r.licence}}},
	}
	var settings []cdx.Property
	for _, s := range info.Settings {
		switch {
		case s.Key == "GOOS", s.Key == "GOARCH", s.Key == "GOAMD64", s.Key == "GOARM64", s.Key == "CGO_ENABLED", strings.HasPrefix(s.Key, "vcs."):
			settings = append(settings, cdx.Property{Name: "go:" + s.Key, Value: s.Value})
		}
	}
	if len(settings) > 0 {
		main.Properties = &settings
	}
	bom.Metadata = &cdx.Metadata{Timestamp: r.when.Format(time.RFC3339), Component: &main}
	std := strings.TrimPrefix(info.GoVersion, "go")
	components := make([]cdx.Component, 1, 1+len(info.Deps))
	components[0] = library("std", std, "")
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		components = append(components, library(d.Path, d.Version, d.Sum))
	}
	needed := make([]string, len(components))
	for i := range components {
		needed[i] = components[i].BOMRef
	}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &needed}}
	return bom
}

// library is a module that the program is linked with.
func library(path, version, sum string) cdx.Component {
	url := "pkg:golang/" + path + "@" + version
	c := cdx.Component{BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: url, Scope: cdx.ScopeRequired}
	if sum != "" { // of the module as go.sum has it, which is no hash of a file
		c.Properties = &[]cdx.Property{{Name: "go:sum", Value: sum}}
	}
	return c
}

// serial is a UUID that a program's checksum decides (RFC 9562, version 8).
func serial(sum string) string {
	h := sha256.Sum256([]byte("cyclonedx " + sum))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	x := hex.EncodeToString(h[:16])
	return "urn:uuid:" + x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}
