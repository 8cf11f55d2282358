package suites

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write random.jsonl anew from its seed")

// randomWords is what the random suite draws from: common words of several kinds, so that the
// tokens are ordinary and only their order carries nothing.
var randomWords = strings.Fields(`
	acid actor anchor angle apple april arrow autumn badge banjo barrel basin beacon bell berry bishop
	blade blanket bonus border bottle branch breeze brick bridge bucket butter cabin cable camel candle
	canvas carbon carpet castle cedar cellar chapter cherry circus clay cloud coin comet copper coral
	cotton cousin crane cricket crystal curtain dagger dairy dancer daughter decade desert diamond dinner
	doctor dolphin donkey drawer dust eagle echo elbow ember engine envelope errand fabric falcon feather
	fever fiddle filter finger flour forest fossil fountain frost garden garlic ghost ginger glacier goat
	gravel guitar hammer harvest hazel helmet hinge honey horizon hunter iceberg igloo index insect island
	ivory jacket jelly jigsaw jungle kettle kingdom kitten ladder lantern lemon letter lever lizard magnet
	mango maple marble meadow melody mirror mitten monkey mortar museum napkin needle nephew nickel noodle
	oasis onion orbit orchid otter oyster paddle palace paper parrot pebble pencil pepper pigeon pillow
	planet pocket poem potato prism puddle puzzle quarry quilt rabbit radar raven ribbon riddle river robot
	rocket saddle salmon satin scarf school shadow shovel silver siren skeleton slipper spider spoon square
	stable summer sunset table tailor teapot temple thimble thunder tiger timber torch tractor trumpet
	tulip tunnel turtle umbrella uncle valley velvet vessel violin volcano wagon walnut water weasel window
	winter wizard yarn yogurt zebra zipper
	ancient bitter brave broad calm clever dense distant eager early empty faint fierce fragile gentle
	hollow honest humble idle jolly keen loud lucky modest narrow odd pale plain proud quick quiet rapid
	rough rusty shallow sharp silent slow solid sour steep strange sturdy sudden tender thick tiny vague
	warm wild wooden young
	ask bend borrow bring build carry catch climb count cover dig drift drop erase fetch fold follow forget
	gather guess hide hum invite jump kneel lean lend lift listen mend mix nod open paint pour pull push
	reach repair rinse roll scatter seek shake skip slide sow spin stir sweep swim taste throw tie trade
	trim turn twist untie wait wander wash weave whisper wipe
	above across after along although among and around because before behind below beside between beyond
	but down during either except for from however if in inside into near nor of off on onto or outside
	over past perhaps rather since so than though through toward under unless until upon when whereas
	while with within without yet`)

// randomSuite draws 14 prompts of 60 to 120 words from a fixed seed.
func randomSuite() []Prompt {
	r := rand.New(rand.NewPCG(0x6d74706c78, 14))
	prompts := make([]Prompt, 14)
	for i := range prompts {
		words := make([]string, 60+r.IntN(61))
		for j := range words {
			words[j] = randomWords[r.IntN(len(randomWords))]
		}
		prompts[i] = Prompt{
			ID: fmt.Sprintf("words-%02d", i+1), Category: "words",
			Prompt: strings.Join(words, " "), MaxTokens: 128, Raw: true,
		}
	}
	return prompts
}

func TestRandomSuiteIsTheOneOfItsSeed(t *testing.T) {
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	for _, p := range randomSuite() {
		if err := enc.Encode(p); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if err := os.WriteFile("random.jsonl", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := files.ReadFile("random.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Fatal("random.jsonl differs from what its seed gives; run go test ./bench/suites -run Random -update if that is wanted")
	}
}
