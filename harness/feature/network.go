package feature

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"lethe/autodiff"
	"lethe/harness/checkpoint"
	"lethe/harness/data"
	"lethe/harness/metric"
	"lethe/layers"
	"lethe/layers/clip"
	"lethe/layers/inception"
	"lethe/layers/pretrained"
	"lethe/layers/resnet"
	"lethe/layers/squeezenet"
)

// FIDName is the name of the one network whose Fréchet distance is the FID.
const FIDName = metric.InceptionNetwork

// Network is a network that measures images. Its methods may be called from
// several goroutines.
type Network struct {
	name, sha string
	kind      kind
	forward   func(tp *autodiff.Tape, x *autodiff.Tensor) (features, logits *autodiff.Tensor)
	running   sync.Mutex
	tape      *autodiff.Tape // of all extractions: the memory of a tape is never given back
	pixels    []float32
	taps      func(tp *autodiff.Tape, x *autodiff.Tensor) []*autodiff.Tensor // nil: none
	tapWidths []int                                                          // their channels
}

// kind is what shapes tell of a network.
type kind struct {
	name           string
	width, classes int
	prepare        preparation
	paperCode      preparation // the authors' evaluation
	load           func(n *Network, src []layers.Named) error
}

// prefixes are what training frameworks put before every key.
var prefixes = [...]string{"module.", "model."}

// Name is the name that results bear, such as "FID-Inception-v3".
func (n *Network) Name() string { return n.name }

// noTaps says that LPIPS has no use for the network.
func (n *Network) noTaps() error {
	return fmt.Errorf("%s gives no activations for LPIPS: SqueezeNet with torchvision's keys does", n.name)
}

// SHA256 is the hash of the file of weights, in hex.
func (n *Network) SHA256() string { return n.sha }

// Identify says in one phrase which network a checkpoint is, or nothing.
func Identify(shapes map[string][]int) string {
	var keys []layers.Named
	for key, shape := range shapes {
		keys = append(keys, layers.Named{Name: key, Shape: shape})
	}
	k, ok := identify(layers.ShapesOf(pretrained.Bare(keys, prefixes[:]...)))
	if !ok {
		return ""
	}
	text := fmt.Sprintf("the network %s, which measures images: %d features", k.name, k.width)
	if k.classes > 0 {
		text += fmt.Sprintf(", %d classes", k.classes)
	}
	return text
}

// Open reads a network from a .pth or .safetensors file; keys and shapes say
// which one it is. A state_dict around the keys and a prefix module. are taken off.
//
// Errors: a file that is no checkpoint, of no network known here, or with keys
// or values that the network does not have.
func Open(path string) (*Network, error) {
	sha, err := hashFile(path)
	if err != nil {
		return nil, fmt.Errorf("opening the network: %w", err)
	}
	file, err := checkpoint.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the network: %w", err)
	}
	defer file.Close()
	var src []layers.Named
	for _, t := range file.Tensors {
		if !t.DType.IsFloat() {
			continue // counters
		}
		values, err := t.Float32()
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, t.Name, err)
		}
		src = append(src, layers.Named{Name: t.Name, Shape: t.Shape, Data: values})
	}
	src = pretrained.Bare(src, prefixes[:]...)
	k, ok := identify(layers.ShapesOf(src))
	if !ok {
		return nil, fmt.Errorf("%s: %s; lethe inspect lists its keys", path, unknown(src))
	}
	n := &Network{name: k.name, sha: sha, kind: k, tape: autodiff.NewTape()}
	n.tape.SetConvAlgorithm(autodiff.ConvWinograd)
	if err := k.load(n, src); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// unknown says what was found and what would do.
func unknown(src []layers.Named) string {
	var keys []string
	for _, t := range src {
		keys = append(keys, t.Name)
	}
	slices.Sort(keys)
	return fmt.Sprintf("its %d keys (%s, …) are of no network that measures images; known are the state dicts of FID-Inception-v3, "+
		"torchvision's Inception-v3, ResNet-50 (also of Places365) and SqueezeNet, ResNet-20 and ResNet-56 for CIFAR, and CLIP's image towers",
		len(keys), strings.Join(keys[:min(3, len(keys))], ", "))
}

// identify judges a checkpoint by its keys and shapes.
func identify(shapes map[string][]int) (kind, bool) {
	if c, ok := inception.Identify(shapes); ok {
		k := kind{name: c.Name(), width: inception.Width, classes: c.Classes, prepare: inceptionPreparation(), paperCode: inceptionPaperCode()}
		if c.FID {
			k.prepare, k.paperCode = fidPreparation(), fidPreparation()
		}
		k.load = func(n *Network, src []layers.Named) error {
			m, err := inception.New(c, src)
			n.forward = m.Forward
			return err
		}
		return k, true
	}
	if c, ok := resnet.Identify(shapes); ok {
		return residual(c), true
	}
	if c, ok := squeezenet.Identify(shapes); ok {
		k := kind{name: c.Name(), width: squeezenet.Width, classes: c.Classes, prepare: imageNetPreparation()}
		if c.Authors {
			k.prepare = caffePreparation()
		}
		k.paperCode = k.prepare
		k.load = func(n *Network, src []layers.Named) error {
			m, err := squeezenet.New(c, src)
			n.forward = m.Forward
			if !c.Authors { // LPIPS's scaling is of torchvision's channels
				n.taps, n.tapWidths = m.Taps, c.TapWidths()
			}
			return err
		}
		return k, true
	}
	if c, ok := clip.Identify(shapes); ok {
		k := kind{name: c.Name(), width: c.Embed, prepare: clipPreparation(c.Size), paperCode: clipPreparation(c.Size)}
		k.load = func(n *Network, src []layers.Named) error {
			m, err := clip.New(c, src)
			n.forward = func(tp *autodiff.Tape, x *autodiff.Tensor) (features, logits *autodiff.Tensor) {
				return m.Forward(tp, x), nil
			}
			return err
		}
		return k, true
	}
	return kind{}, false
}

// residual is the kind of a ResNet. The small ones were trained with ImageNet's
// statistics where the classifier is called linear, else with CIFAR's.
func residual(c resnet.Config) kind {
	k := kind{name: c.Name(), classes: c.Classes, width: 2048, prepare: imageNetPreparation()}
	switch {
	case c.Small && c.Head == "linear":
		k.width, k.prepare = 64, smallPreparation(data.ImageNetMean, data.ImageNetStd, "small-imagenet-1")
	case c.Small:
		k.width, k.prepare = 64, smallPreparation(cifarMean, cifarStd, "small-cifar-1")
	case c.Places(): // the release squashes to 256x256
		k.prepare.name, k.prepare.square = "places-1", true
	}
	k.paperCode = k.prepare
	k.load = func(n *Network, src []layers.Named) error {
		m, err := resnet.New(c, src)
		n.forward = m.Forward
		return err
	}
	return k
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
