package adapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"mtplx/model/arrays"
)

// config is what an adapter_config.json says that matters, of either trainer.
type config struct {
	Type     *string                    `json:"peft_type"`
	Alpha    *float64                   `json:"lora_alpha"`
	RSLoRA   bool                       `json:"use_rslora"`
	DoRA     bool                       `json:"use_dora"`
	Bias     string                     `json:"bias"`
	Alphas   map[string]json.RawMessage `json:"alpha_pattern"`
	FineTune *string                    `json:"fine_tune_type"`
	LoRA     *struct {
		Scale *float64 `json:"scale"`
		Alpha *float64 `json:"alpha"`
	} `json:"lora_parameters"`
}

func readConfig(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxConfig {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxConfig)
	}
	return data, nil
}

// parseConfig reads the JSON, and refuses what plain LoRA does not have.
func parseConfig(data []byte) (*config, error) {
	c := &config{}
	if data == nil {
		return c, nil
	}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("%s: %w", configFile, err)
	}
	refuse := func(key string, value any, want string) error {
		return fmt.Errorf("%s: %s is %v; %s", configFile, key, value, want)
	}
	switch {
	case c.Type != nil && *c.Type != "LORA":
		return nil, refuse("peft_type", *c.Type, "only LORA is run")
	case c.FineTune != nil && *c.FineTune != "lora":
		return nil, refuse("fine_tune_type", *c.FineTune, "only lora is run")
	case c.DoRA:
		return nil, refuse("use_dora", true, "only plain LoRA is run")
	case c.Bias != "" && c.Bias != "none":
		return nil, refuse("bias", c.Bias, "adapters with biases are not run")
	case len(c.Alphas) > 0:
		return nil, refuse("alpha_pattern", "not empty", "put an array alpha of one number beside each pair instead")
	}
	return c, nil
}

// scaleOf is what a pair of a rank is multiplied by, by its module's arrays, the file's, or the configuration.
func (c *config) scaleOf(rank int, own, top *parts) (float64, error) {
	for _, p := range []*parts{own, top} {
		switch {
		case p == nil:
		case p.alpha != nil && p.scale != nil:
			return 0, errors.New("it has both an alpha and a scale; keep one")
		case p.alpha != nil:
			return float64(number(p.alpha)) / float64(rank), nil
		case p.scale != nil:
			return float64(number(p.scale)), nil
		}
	}
	over := float64(rank)
	scale := 1.0
	switch l := c.LoRA; {
	case c.Alpha != nil:
		if c.RSLoRA {
			over = math.Sqrt(over)
		}
		scale = *c.Alpha / over
	case l != nil && l.Scale != nil:
		scale = *l.Scale
	case l != nil && l.Alpha != nil:
		scale = *l.Alpha / over
	}
	return scale, nil
}

func number(a *arrays.Array) float32 { return a.Data[0] }
