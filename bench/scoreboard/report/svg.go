package report

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Plot is a log-log plot.
type Plot struct {
	Title, X, Y string
	Series      []Series
}

// Series is one curve. Points whose Y is not a positive number are left out.
type Series struct {
	Name string
	X, Y []float64
	Dash bool
	Bold bool
}

const (
	width, height          = 960, 520
	left, right, top, foot = 70, 350, 44, 50
)

// colours that can be told apart by people who see few, after Okabe and Ito.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999", "#7a5195", "#000000"}

// SVG writes the plot.
func (p *Plot) SVG(w io.Writer) error {
	x0, x1, y0, y1 := p.ranges()
	px := func(v float64) float64 {
		return left + (width-left-right)*(math.Log(v)-math.Log(x0))/(math.Log(x1)-math.Log(x0))
	}
	py := func(v float64) float64 {
		return height - foot - (height-top-foot)*(math.Log(v)-math.Log(y0))/(math.Log(y1)-math.Log(y0))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="24" font-size="15">%s</text>`+"\n", left, escape(p.Title))
	p.axes(&b, x0, x1, y0, y1, px, py)
	for i, s := range p.Series {
		colour := colours[i%len(colours)]
		stroke := 1.6
		if s.Bold {
			stroke = 3
		}
		style := fmt.Sprintf(`fill="none" stroke="%s" stroke-width="%.1f"`, colour, stroke)
		if s.Dash {
			style += ` stroke-dasharray="6 4"`
		}
		var points []string
		for j := range s.X {
			if ok(s.Y[j]) {
				points = append(points, fmt.Sprintf("%.1f,%.1f", px(s.X[j]), py(s.Y[j])))
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`+"\n", px(s.X[j]), py(s.Y[j]), stroke+1.2, colour)
			}
		}
		fmt.Fprintf(&b, `<polyline points="%s" %s/>`+"\n", strings.Join(points, " "), style)
		y := top + 16*i + 8
		fmt.Fprintf(&b, `<path d="M%d %dh26" %s/><text x="%d" y="%d">%s</text>`+"\n",
			width-right+14, y, style, width-right+46, y+4, escape(s.Name))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *Plot) axes(b *strings.Builder, x0, x1, y0, y1 float64, px, py func(float64) float64) {
	grid := func(a, z float64, draw func(v float64, name string)) {
		for d := math.Pow(10, math.Floor(math.Log10(a))); d <= z*1.001; d *= 10 {
			for _, m := range []float64{1, 2, 5} {
				if v := d * m; v >= a*0.999 && v <= z*1.001 {
					draw(v, fmt.Sprintf("%.3g", v))
				}
			}
		}
	}
	grid(x0, x1, func(v float64, name string) {
		fmt.Fprintf(b, `<path d="M%.1f %dV%d" stroke="#dddddd"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			px(v), top, height-foot, px(v), height-foot+18, name)
	})
	grid(y0, y1, func(v float64, name string) {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#dddddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, py(v), width-right, left-6, py(v)+4, name)
	})
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (left+width-right)/2, height-12, escape(p.X))
	fmt.Fprintf(b, `<text transform="translate(18 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (top+height-foot)/2, escape(p.Y))
}

func ok(v float64) bool { return v > 0 && !math.IsInf(v, 0) && !math.IsNaN(v) }

func (p *Plot) ranges() (x0, x1, y0, y1 float64) {
	x0, y0 = math.Inf(1), math.Inf(1)
	for _, s := range p.Series {
		for i := range s.X {
			if ok(s.Y[i]) {
				x0, x1 = min(x0, s.X[i]), max(x1, s.X[i])
				y0, y1 = min(y0, s.Y[i]), max(y1, s.Y[i])
			}
		}
	}
	if math.IsInf(x0, 1) {
		return 1, 10, 1, 10
	}
	return x0 / 1.1, x1 * 1.1, y0 / 1.3, y1 * 1.3
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
