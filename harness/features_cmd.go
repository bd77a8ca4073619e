package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"lethe/harness/checkpoint"
	"lethe/harness/data"
	"lethe/harness/feature"
)

// featuresCmd is lethe features.
type featuresCmd struct {
	Network   string `required:"" aliases:"inception,resnet,squeezenet" help:"Weights of a network that measures: .safetensors or .pth. Keys and shapes say which it is (--inception, --resnet and --squeezenet are the same flag)." placeholder:"FILE"`
	Data      string `required:"" help:"Folder, tar or world:..., as for --retain." placeholder:"PATH"`
	Limit     int    `help:"Take the first so many images; 0 takes all." default:"0"`
	Out       string `help:"Write features, logits and where they are from to this file: .npz or .safetensors." placeholder:"FILE"`
	Batch     int    `help:"Images that run together; the result does not depend on it." default:"8"`
	Cache     string `help:"Folder in which the features of every image are kept for the next time." placeholder:"DIR"`
	PaperCode bool   `help:"Prepare images as the authors' evaluation does: Inception-v3 with CIFAR's mean and deviation."`
	SkipBad   bool   `help:"Leave out damaged files with a warning, instead of stopping."`
	Threads   int    `help:"Worker threads; 0 uses all cores. The result does not depend on it." default:"0"`
}

// chunk is the number of decoded pictures in memory.
const chunk = 256

// Run extracts and writes.
func (c *featuresCmd) Run(a *app) error {
	if err := within(least("limit", c.Limit, 0), least("batch", c.Batch, 1)); err != nil {
		return err
	}
	if ext := filepath.Ext(c.Out); c.Out != "" && ext != ".npz" && ext != ".safetensors" {
		return usage("--out %s: want a name that ends in .npz or .safetensors", c.Out)
	}
	s, err := newSession(a, c.Threads, PrecisionFlag{Precision: "f32"})
	if err != nil {
		return err
	}
	network, err := feature.Open(c.Network)
	if err != nil {
		return &exitError{2, err}
	}
	set, err := data.Open(c.Data, data.Options{SkipBad: c.SkipBad})
	if err != nil {
		return &exitError{2, err}
	}
	start := time.Now()
	all, paths, err := c.extract(s, network, set)
	if err != nil {
		return err
	}
	for _, w := range set.Warnings() {
		s.warn("%s", w)
	}
	s.say("network   %s (SHA-256 %s)", all.Network, all.SHA256)
	s.say("images    %d of %s, %s", all.N, c.Data, all.Resizer)
	s.say("features  %d each, %d classes", all.D, all.Classes)
	s.say("speed     %.1f images/s", float64(all.N)/time.Since(start).Seconds())
	if c.Out == "" {
		return nil
	}
	if err := c.write(all, paths, set.Manifest()); err != nil {
		return err
	}
	s.say("written   %s", c.Out)
	return nil
}

// extract runs the network on the pictures, a chunk at a time.
func (c *featuresCmd) extract(s *session, network *feature.Network, set *data.Set) (all feature.Features, paths []string, err error) {
	total := len(set.Items)
	if c.Limit > 0 {
		total = min(total, c.Limit)
	}
	line := s.line("features", total, 0, "image")
	defer line.End()
	for lo := 0; lo < total; lo += chunk {
		var images []data.Image
		for i := lo; i < min(lo+chunk, total); i++ {
			im, err := set.Image(i)
			switch {
			case err != nil && c.SkipBad:
				s.warn("left out: %v", err)
				continue
			case err != nil:
				return all, nil, &exitError{2, err}
			}
			images, paths = append(images, im), append(paths, set.Items[i].Path)
		}
		f, err := network.Extract(s.ctx, images, feature.Options{
			Batch: c.Batch, Cache: c.Cache, PaperCode: c.PaperCode,
			Progress: func(done, _ int) { line.Step(lo + done) },
		})
		if err != nil {
			return all, nil, err
		}
		f.N, f.Rows, f.Logits = all.N+f.N, append(all.Rows, f.Rows...), append(all.Logits, f.Logits...)
		all = f
	}
	return all, paths, nil
}

// provenance is what the numbers depend on.
type provenance struct {
	Network     string   `json:"network"`
	SHA256      string   `json:"network_sha256"`
	Images      int      `json:"images"`
	Data        string   `json:"data"`
	Manifest    string   `json:"data_manifest_sha256"`
	Resizer     string   `json:"resizer"`
	Decoder     string   `json:"decoder"`
	Preparation string   `json:"preparation"`
	Paths       []string `json:"paths"`
}

// write puts features [N,D], logits [N,Classes] and the provenance, JSON, into
// one file: in an .npz as bytes, in a .safetensors as metadata.
func (c *featuresCmd) write(f feature.Features, paths []string, manifest string) error {
	p := provenance{f.Network, f.SHA256, f.N, c.Data, manifest, f.Resizer, f.Decoder, "canonical", paths}
	if c.PaperCode {
		p.Preparation = "paper-code"
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	ts := []checkpoint.Tensor{checkpoint.FromFloat32("features", []int{f.N, f.D}, f.Rows)}
	if f.Classes > 0 {
		ts = append(ts, checkpoint.FromFloat32("logits", []int{f.N, f.Classes}, f.Logits))
	}
	if strings.HasSuffix(c.Out, ".npz") {
		ts = append(ts, checkpoint.Tensor{Name: "provenance", DType: checkpoint.U8, Shape: []int{len(raw)}, Data: raw})
		err = checkpoint.WriteNPZ(c.Out, ts)
	} else {
		err = checkpoint.WriteSafetensors(c.Out, ts, map[string]string{
			"network": f.Network, "sha256": f.SHA256, "resizer": f.Resizer, "decoder": f.Decoder, "n": strconv.Itoa(f.N), "lethe.provenance": string(raw)})
	}
	if err != nil {
		return fmt.Errorf("writing the features: %w", err)
	}
	return nil
}
