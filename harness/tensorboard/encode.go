package tensorboard

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// The fields of the messages that are written.
const (
	eventTime    = 1 // double, seconds
	eventStep    = 2 // int64
	eventVersion = 3 // string
	eventSummary = 5

	summaryValue = 1
	valueTag     = 1 // string
	valueSimple  = 2 // float
	valueImage   = 4

	imageHeight = 1
	imageWidth  = 2
	imageColors = 3 // 3: RGB, 4: RGBA
	imageData   = 4 // an encoded PNG
)

// The wire types of protobuf.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the CRC-32C as TFRecord stores it, rotated and shifted so that a CRC
// over data that holds CRCs stays a good one.
func masked(data []byte) uint32 {
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// frame is data as a record.
func frame(data []byte) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	out = binary.LittleEndian.AppendUint32(out, masked(out))
	out = append(out, data...)
	return binary.LittleEndian.AppendUint32(out, masked(data))
}

func appendKey(b []byte, field, wire int) []byte {
	return binary.AppendUvarint(b, uint64(field<<3|wire))
}

func appendVarint(b []byte, field int, v int64) []byte {
	return binary.AppendUvarint(appendKey(b, field, wireVarint), uint64(v))
}

func appendBytes(b []byte, field int, v []byte) []byte {
	return append(binary.AppendUvarint(appendKey(b, field, wireBytes), uint64(len(v))), v...)
}

// event is an Event with one field beside time and step.
func event(seconds float64, step int64, field int, v []byte) []byte {
	b := binary.LittleEndian.AppendUint64(appendKey(nil, eventTime, wire64), math.Float64bits(seconds))
	if step != 0 {
		b = appendVarint(b, eventStep, step)
	}
	return appendBytes(b, field, v)
}

// scalarValue is a Summary.Value of one number.
func scalarValue(s Scalar) []byte {
	b := appendBytes(nil, valueTag, []byte(s.Tag))
	return binary.LittleEndian.AppendUint32(appendKey(b, valueSimple, wire32), math.Float32bits(float32(s.Value)))
}

// imageValue is a Summary.Value of one PNG.
func imageValue(tag string, width, height int, png []byte) []byte {
	m := appendVarint(nil, imageHeight, int64(height))
	m = appendVarint(m, imageWidth, int64(width))
	m = appendVarint(m, imageColors, 3)
	m = appendBytes(m, imageData, png)
	return appendBytes(appendBytes(nil, valueTag, []byte(tag)), valueImage, m)
}
