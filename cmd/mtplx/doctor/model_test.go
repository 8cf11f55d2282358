package doctor

import (
	"testing"

	"mtplx/model/demo"
)

// A new embedded model needs a new sum here, or doctor calls it damaged.
func TestEmbeddedSum(t *testing.T) {
	if got := checksum(demo.Files()); got != embeddedSum {
		t.Errorf("the embedded model's sum is %s; embeddedSum is %s", got, embeddedSum)
	}
}
