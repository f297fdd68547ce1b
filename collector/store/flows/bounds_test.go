package flows

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"weir/collector/record"
)

// rolledTruth is what flows really had, by start of a step, µs, in octets.
type rolledTruth map[int64]map[record.Key]float64

// count counts a row in a step.
func (truth rolledTruth) count(x *block, i int, step int64) {
	if truth[step] == nil {
		truth[step] = map[record.Key]float64{}
	}
	k := &x.keys[x.of[i]]
	truth[step][*k] += float64(k.Rate) * float64(x.lengths[i])
}

// of returns what keys of a definition had, at each vantage point.
func (truth rolledTruth) of(said *said, step int64, d int) map[string]map[string]float64 {
	all := map[string]map[string]float64{}
	texts := map[string]*built{}
	for _, name := range definitions[d] {
		f, _ := fieldOf(name)
		texts[name] = newBuilt(f)
	}
	var text []byte
	for k, octets := range truth[step] {
		text = text[:0]
		for _, name := range definitions[d] {
			b := texts[name]
			b.data.Index = b.data.Index[:0]
			b.addKeys(said, []record.Key{k})
			text = append(b.appendText(text, int(b.data.Index[0])), '|')
		}
		at := all[string(text)]
		if at == nil {
			at = map[string]float64{}
			all[string(text)] = at
		}
		at[pointText(said.agents[k.Agent].String(), k.Has&record.Egress != 0)] += octets
	}
	return all
}

func pointText(agent string, egress bool) string {
	if egress {
		return agent + " egress"
	}
	return agent
}

// check looks whether steps bound the truth, but for so many octets, as files round.
func (truth rolledTruth) check(t *testing.T, said *said, s *steps, d int, slack float64) (rows int) {
	t.Helper()
	for step := range truth {
		k, keys := stepKey{d, step}, truth.of(said, step, d)
		one := s.all[k]
		if one == nil {
			t.Fatalf("%v: no step", k)
		}
		one.join()
		kept := map[string]bool{}
		for i := range one.rows {
			r := &one.rows[i]
			key := ""
			for c := range definitions[d] {
				key += s.words.texts[r.key[c]] + "|"
			}
			kept[key] = true
			was := keys[key][pointText(s.words.texts[r.point>>1], r.point&1 == 1)]
			if missed := one.missed(&r.rollRow); r.bytes > was*(1+1e-9)+slack || r.bytes+missed < was*(1-1e-9)-slack {
				t.Fatalf("%v, %s: %.0f, missed %.0f, but it was %.0f", k, key, r.bytes, missed, was)
			}
			rows++
		}
		for key, at := range keys {
			for point, was := range at {
				if !kept[key] && was > one.floor*(1+1e-9)+slack {
					t.Fatalf("%v, %s at %s: left out with %.0f octets, more than %.0f", k, key, point, was, one.floor)
				}
			}
		}
	}
	return rows
}

// Whatever comes, how often keys begin anew, where they are seen and in which order
// the minutes are: what is kept of a minute, and of the hour that files are joined to,
// is no more than the truth, and with what is missed no less. The memory of one
// segment serves the next.
func TestRollupsBoundTheTruthOfAnything(t *testing.T) {
	for _, c := range []struct {
		name                 string
		keys, agents, blocks int
		zero, tied           bool
		jump                 int64 // minutes that the clock jumps now and then
	}{
		{"few agents", 3000, 3, 12, false, false, 0},
		{"many agents", 600, 700, 12, false, false, 0},
		{"minutes out of order", 1500, 40, 12, false, false, 4},
		{"no lengths", 5000, 20, 8, true, false, 2},
		{"all the same", 900, 300, 8, false, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if testing.Short() { // as under the race detector
				c.blocks = 3
			}
			r := rand.New(rand.NewPCG(uint64(c.keys), 7))
			b := newBuilder()
			hour, hours := rolledTruth{}, newSteps()
			said := &said{agents: map[uint32]netip.Addr{}, domains: map[uint32]string{0: "", 1: "vni:1"}}
			for a := range uint32(c.agents) {
				said.agents[a] = netip.AddrFrom4([4]byte{192, 0, 2 + byte(a>>8), byte(a)})
			}
			for file := range 2 {
				truth := rolledTruth{}
				b.begin(io.Discard)
				rollBlocks(t, r, b, &block{said: said, turn: 1}, c.keys, c.blocks, func(x *block, i int) {
					if c.zero {
						x.lengths[i] = 0
					}
					if c.tied {
						x.lengths[i] = 64
					}
					if c.jump > 0 && r.IntN(500) == 0 {
						x.times[i] += (r.Int64N(2*c.jump+1) - c.jump) * rollMinute.Microseconds()
					}
				}, func(x *block, i int) {
					truth.count(x, i, x.times[i]-x.times[i]%rollMinute.Microseconds())
					hour.count(x, i, 0)
				})
				if err := b.close(); err != nil {
					t.Fatal(err)
				}
				id := string(rune('a' + file))
				if err := b.rolled.save(dir, id); err != nil {
					t.Fatal(err)
				}
				made, err := filepath.Glob(filepath.Join(dir, rollupDir, minutePrefix+"-*-"+id+segmentSuffix))
				if err != nil || len(made) != 1 {
					t.Fatal(made, err)
				}
				for d := range definitions {
					if truth.check(t, said, b.rolled.steps, d, 0) == 0 && !c.tied && !c.zero {
						t.Errorf("nothing is kept of %v", definitions[d])
					}
					if err := hours.load(made[0], d, func(int64) (int64, bool) { return 0, true }); err != nil {
						t.Fatal(err)
					}
				}
				if words := len(b.rolled.steps.words.texts); words > 20_000 {
					t.Errorf("%d texts", words)
				}
				seen := map[*step]bool{}
				for _, one := range b.rolled.steps.spare {
					seen[one] = true
				}
				for k, one := range b.rolled.steps.all {
					if seen[one] {
						t.Errorf("%v is spare or there twice", k)
					}
					seen[one] = true
				}
			}
			for d := range definitions {
				hours.keep(hourKeys)
				hour.check(t, said, hours, d, 100)
			}
		})
	}
}

// rollBlocks makes blocks of which each is later by some seconds, and tells of each
// row after it was changed.
func rollBlocks(t *testing.T, r *rand.Rand, b *builder, x *block, keys, blocks int, change, tell func(x *block, i int)) {
	z := rand.NewZipf(r, 1.2, 4, uint64(keys-1))
	numbers, at := record.NewDictionary(record.MaxKeys), epoch.UnixMicro()
	for n := range blocks {
		if r.IntN(3) == 0 {
			numbers.Reset()
			x.turn++
		}
		at += 25 * time.Second.Microseconds() * int64(n%2)
		rows := 1 + r.IntN(record.Rows)
		x.times, x.of, x.lengths = sized(x.times, rows), sized(x.of, rows), sized(x.lengths, rows)
		for i := range rows {
			f := uint32(z.Uint64())
			k := record.Key{
				Src: address(f), Dst: address(f * 7 % 501), Agent: r.Uint32N(uint32(len(x.agents))), Rate: 1 + f%3*100,
				Input: f % 50, Output: f * 3 % 50, Domain: f % 2, Proto: uint8(f % 5), Has: record.Addresses,
			}
			if binary.BigEndian.PutUint32(k.Src[12:], r.Uint32N(2)*0x01000000+f); r.IntN(3) == 0 {
				k.Has |= record.Egress
			}
			x.times[i], x.of[i], x.lengths[i] = at+r.Int64N(20e6), numbers.Number(&k), [4]uint32{0, 64, 576, 1518}[r.IntN(4)]
			change(x, i)
		}
		x.keys = numbers.Keys()
		for i := range rows {
			tell(x, i)
		}
		if err := b.add(x); err != nil {
			t.Fatal(err)
		}
	}
}

// Flows that claim to have no length cost no more memory than others.
func TestRollupsOfNoLengths(t *testing.T) {
	b := newBuilder()
	b.begin(io.Discard)
	x := &block{said: &said{agents: map[uint32]netip.Addr{1: netip.MustParseAddr("192.0.2.1")}, domains: map[uint32]string{0: ""}}, turn: 1}
	numbers := record.NewDictionary(record.MaxKeys)
	for n := range uint32(30) {
		x.times, x.of, x.lengths = x.times[:0], x.of[:0], x.lengths[:0]
		for i := range uint32(record.Rows) {
			k := record.Key{Src: address(n*record.Rows + i), Dst: address(i), Agent: 1, Rate: 1, Has: record.Addresses}
			x.times, x.of, x.lengths = append(x.times, epoch.UnixMicro()), append(x.of, numbers.Number(&k)), append(x.lengths, 0)
		}
		x.keys = numbers.Keys()
		if err := b.add(x); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	if words := len(b.rolled.steps.words.texts); words > 4*groupKeys {
		t.Errorf("%d texts are held of flows without octets", words)
	}
	one := b.rolled.steps.all[stepKey{0, epoch.UnixMicro()}]
	if one.join(); one.rest.samples != 30*record.Rows || one.floor != 0 {
		t.Errorf("%.0f samples are in the rest, floor %.0f; want all, and none", one.rest.samples, one.floor)
	}
}
