package record

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// Keys that differ in little have numbers of their own, those that come again the
// ones they had, up to as many keys as there may be, and also after others were
// forgotten.
func TestDictionaryTellsKeysApart(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	d := NewDictionary(MaxKeys)
	for _, c := range []struct {
		name string
		keys int
		set  func(k *Key, i uint32)
	}{
		{"source addresses in a row", MaxKeys, func(k *Key, i uint32) { binary.BigEndian.PutUint32(k.Src[12:], i) }},
		{"two words of an address that cancel", 1 << 16, func(k *Key, i uint32) {
			binary.LittleEndian.PutUint64(k.Src[:8], uint64(i))
			binary.LittleEndian.PutUint64(k.Src[8:], uint64(i))
		}},
		{"addresses that cancel", 1 << 16, func(k *Key, i uint32) {
			binary.LittleEndian.PutUint64(k.Src[:8], uint64(i))
			binary.LittleEndian.PutUint64(k.Dst[:8], uint64(i))
		}},
		{"negative", 1 << 16, func(k *Key, i uint32) {
			binary.LittleEndian.PutUint64(k.Src[:8], uint64(i)*-(uint64(i)&1))
			binary.LittleEndian.PutUint64(k.Src[8:], uint64(i))
		}},
		{"high bits", 1 << 16, func(k *Key, i uint32) { binary.LittleEndian.PutUint64(k.Dst[:8], uint64(i)<<48) }},
		{"ports", 1<<18 - 2, func(k *Key, i uint32) { k.SrcPort, k.DstPort = uint16(i), uint16(i>>16) }},
		{"agents and interfaces", 1 << 16, func(k *Key, i uint32) { k.Agent, k.Input, k.Output = i&0xff, i>>8&0xf, i>>12 }},
		{"small fields", 1 << 16, func(k *Key, i uint32) {
			k.TTL, k.TOS, k.TCPFlags, k.Proto = uint8(i&15), uint8(i>>4&15), uint8(i>>8&15), uint8(i>>12)
		}},
		{"rates and tags", 1 << 16, func(k *Key, i uint32) { k.Rate, k.Has, k.EtherType = i&0xff, Has(i>>8&0xf), uint16(i>>12) }},
		{"at random", MaxKeys, func(k *Key, i uint32) {
			binary.LittleEndian.PutUint64(k.Src[:8], random.Uint64())
			k.Domain = i
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.Reset()
			for i := range uint32(c.keys) {
				if !d.room(1) {
					t.Fatalf("no room for %d keys", i+1)
				}
				var k Key
				c.set(&k, i)
				if n := d.Number(&k); n != i {
					t.Fatalf("key %d has number %d", i, n)
				}
			}
			if d.room(MaxKeys + 1 - c.keys) {
				t.Errorf("there is room for more than %d keys", MaxKeys)
			}
			for i, k := range d.Keys() {
				if n := d.Number(&k); n != uint32(i) {
					t.Fatalf("key %d has number %d when it comes again", i, n)
				}
			}
		})
	}
}
