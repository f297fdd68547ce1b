package main

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// visitor looks at the page as a person does.
type visitor struct {
	t   *testing.T
	ctx context.Context
	url string
}

// newVisitor starts a browser that looks at url.
func newVisitor(t *testing.T, url string) *visitor {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("WEIR_TEST_ALL") != "" {
			t.Fatal("chromium is missing: apt-get install chromium")
		}
		t.Skip("no chromium: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(time.Minute), chromedp.WindowSize(1280, 860))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 10*time.Minute)
	t.Cleanup(cancel)
	return &visitor{t, ctx, url}
}

func (v *visitor) do(actions ...chromedp.Action) {
	v.t.Helper()
	if err := chromedp.Run(v.ctx, actions...); err != nil {
		v.t.Fatal(err)
	}
}

// sees waits until a text is on the page.
func (v *visitor) sees(texts ...string) {
	v.t.Helper()
	for _, text := range texts {
		found := false
		for end := time.Now().Add(time.Minute); !found; time.Sleep(50 * time.Millisecond) {
			v.do(chromedp.Evaluate("document.body.innerText.includes("+strconv.Quote(text)+")", &found))
			if !found && time.Now().After(end) {
				var all string
				v.do(chromedp.Evaluate("location.href+document.body.innerText", &all))
				v.t.Fatalf("%q does not appear in\n%s", text, all)
			}
		}
	}
}

// opens clicks on the first link or button with a text, in the view, once it is
// there.
func (v *visitor) opens(text string) {
	v.t.Helper()
	done := false
	for end := time.Now().Add(time.Minute); !done && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		v.do(chromedp.Evaluate(`(() => { const e = [...document.querySelectorAll("main a, main button, nav a")].find((e) => e.innerText.includes(`+strconv.Quote(text)+`)); e?.click(); return Boolean(e); })()`, &done))
	}
	if !done {
		v.t.Fatalf("there is nothing to be opened with %q", text)
	}
}

func (v *visitor) presses(key string) { v.t.Helper(); v.do(chromedp.KeyEvent(key)) }

// picture keeps what is seen where pictures are renewed.
func (v *visitor) picture(name string, height int64) {
	v.t.Helper()
	dir := os.Getenv("WEIR_SCREENSHOTS")
	if dir == "" {
		return
	}
	var shot []byte
	v.do(chromedp.EmulateViewport(1280, height), chromedp.Evaluate("window.scrollTo(0, 0)", nil), chromedp.Sleep(1200*time.Millisecond), chromedp.CaptureScreenshot(&shot), chromedp.EmulateViewport(1280, 860))
	small, err := fewColours(shot)
	if err != nil {
		v.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), small, 0o644); err != nil {
		v.t.Fatal(err)
	}
	v.t.Logf("%s.png: %d octets", name, len(small))
}

// fewColours makes a picture small: with its most frequent colours alone, the
// others as the nearest of them.
func fewColours(b []byte) ([]byte, error) {
	in, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	counts := map[color.RGBA]int{}
	for y := range in.Bounds().Dy() {
		for x := range in.Bounds().Dx() {
			c := color.RGBAModel.Convert(in.At(x, y)).(color.RGBA)
			counts[c]++
		}
	}
	var all color.Palette
	for c := range counts {
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y color.Color) int {
		a, b := x.(color.RGBA), y.(color.RGBA)
		return cmp.Or(counts[b]-counts[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	var kept color.Palette
	for _, c := range all { // a colour of little use is kept where none is like it
		if len(kept) < 128 && !slices.ContainsFunc(kept, func(k color.Color) bool { return near(c.(color.RGBA), k.(color.RGBA)) }) {
			kept = append(kept, c)
		}
	}
	out := image.NewPaletted(in.Bounds(), kept)
	draw.Draw(out, out.Bounds(), in, image.Point{}, draw.Src)
	var packed bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&packed, out)
	return packed.Bytes(), err
}

// near reports colours that nobody tells apart.
func near(a, b color.RGBA) bool {
	d := func(x, y uint8) int { return max(int(x), int(y)) - min(int(x), int(y)) }
	return d(a.R, b.R)+d(a.G, b.G)+d(a.B, b.B) < 16
}

// TestDemoOnThePage does what a newcomer does within the demo's first minute:
// sees traffic, a large flow that is caught, and a bridge going down with its
// instances as one incident; then walks every view.
func TestDemoOnThePage(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the demo for 20 s")
	}
	v := newVisitor(t, "") // first: a browser takes seconds to start
	v.do(chromedp.Navigate("about:blank"))
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	out, w := io.Pipe()
	go io.Copy(io.Discard, out)
	var log output
	done := make(chan int)
	began := time.Now()
	go func() {
		code := execute(ctx, []string{"demo"}, streams{strings.NewReader(""), w, &log})
		w.Close()
		done <- code
	}()
	t.Cleanup(func() { cancel(); <-done })
	v.url = await(t, &log, `open (http://127.0.0.1:\d+/)`)[1]

	v.do(chromedp.Navigate(v.url))
	v.sees("Largest flows", "large flow", "10.20.1.12:40001 → 10.20.2.13:873 TCP", "bridge down brq4c7a91e0-5d on hv3", "with it 6 instances unreachable", "6 affected")
	if took := time.Since(began); took > 2*time.Minute { // less than half a minute, where nothing else runs
		t.Errorf("a newcomer waits %v", took)
	}
	v.picture("now", 900)

	t.Log("site")
	v.presses("2")
	v.sees("6 in trouble", "hv3", "leaf1")
	v.picture("site", 560)
	v.do(chromedp.SendKeys(`input[type=search]`, "web-3"))
	v.sees("instance on hv3, brq4c7a91e0-5d")
	v.opens("web-3")
	v.sees("observed by", "fa:16:3e:0d:03:03", "shop")

	t.Log("incident")
	v.presses("\x1b")
	v.presses("1")
	v.sees("bridge down brq4c7a91e0-5d")
	v.opens("bridge down brq4c7a91e0-5d")
	v.sees("What happened, in order", "6 × instance unreachable", "web-6", "Usual causes", "Flows around it", "198.51.100.10")
	v.opens("Acknowledge")
	v.sees("acknowledged by local", "Take back")
	v.picture("incident", 1500)
	v.opens("open in Explore")
	v.sees("sum by", "10.10.3.11", "95 % interval")

	t.Log("explore")
	v.do(chromedp.NavigateBack())
	v.sees("What happened, in order")
	v.do(chromedp.NavigateForward())
	v.opens("Top talkers")
	v.sees("10.20.1.12", "volume")
	v.picture("explore", 900)
	v.do(chromedp.SetValue(`input[name=filter]`, "sorc = 10.20.1.12"), chromedp.SendKeys(`input[name=filter]`, "\r"))
	v.sees(`"sorc" is no field; write src`, "^^^^")
	v.do(chromedp.Evaluate(`document.querySelector("input[name=filter]").select()`, nil), chromedp.SendKeys(`input[name=filter]`, "src_p"))
	v.sees("src_port")

	t.Log("agents")
	v.presses("\x1b")
	v.presses("\x1b")
	v.opens("Agents")
	v.sees("6 agents", "as told", "bst_port_buffers")
	v.picture("agents", 600)
	v.opens("leaf1")
	v.sees("Data sources (6)", "swp49", "to spine1", "It does as it says.")
	v.picture("agent", 800)

	t.Log("history")
	v.presses("5")
	v.sees("beginnings and ends", "large flow", "bridge down")
	v.picture("history", 640)
	v.presses("?")
	v.sees("Keyboard", "What figures mean")
	v.presses("\x1b")

	v.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
	v.presses("1")
	v.sees("Open incidents")
	if os.Getenv("WEIR_SCREENSHOTS") != "" { // the picture is of the next large flow
		v.do(chromedp.WaitVisible(".incident:not(.ended)"))
	}
	v.picture("dark", 700)
}
