package travel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"example.com/acme-dreams/internal/picture"
)

// Picture belongs to a post. A seeded one is art that the program carries: it
// has a name below /static/art and no data.
type Picture struct {
	Name        string
	ContentType string
	Alt         string // what is on it, for whoever cannot see it
	Data        []byte
}

// What is taken, and what is kept of it.
const (
	MaxUpload = 10 << 20 // bytes
	maxAlt    = 300      // characters
)

var limits = picture.Limits{Bytes: MaxUpload, Pixels: 25_000_000, Length: 20_000, Side: 1600}

// DecodePicture makes a picture from what somebody uploaded, drawn anew. Its name
// is its content.
func DecodePicture(ctx context.Context, upload []byte, alt string) (Picture, error) {
	alt = strings.Join(strings.Fields(alt), " ")
	var faults Invalid
	faults.add("picture", faultOf(limits.Judge(upload)))
	faults.add("alt", textFault(alt, maxAlt))
	if err := faults.err(); err != nil {
		return Picture{}, err
	}
	drawn, err := limits.Draw(ctx, upload)
	if words := faultOf(err); words != "" {
		return Picture{}, Invalid{{"picture", words}}
	}
	if err != nil {
		return Picture{}, err
	}
	sum := sha256.Sum256(drawn.Data)
	return Picture{
		Name: hex.EncodeToString(sum[:12]) + "." + drawn.Kind, ContentType: "image/" + drawn.Kind, Alt: alt, Data: drawn.Data,
	}, nil
}

// faultOf is what is wrong with an upload; empty: nothing, or nothing of its own.
func faultOf(err error) string {
	var fault picture.Fault
	if errors.As(err, &fault) {
		return string(fault)
	}
	return ""
}
