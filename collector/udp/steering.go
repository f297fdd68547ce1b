package udp

import (
	"fmt"
	"math/rand/v2"
	"unsafe"

	"golang.org/x/sys/unix"
)

// steering is a keyed hash of sFlow agent address and IP source address. The
// kernel computes it for every datagram to choose a shard. A payload that is no
// sFlow version 5, or too short to hold an agent address, is hashed by its source
// address alone.
type steering struct {
	start uint32
	mul   [2]uint32 // odd
}

// newSteering returns the steering of a seed; equal seeds steer alike.
func newSteering(seed uint64) steering {
	r := rand.New(rand.NewPCG(seed, 0x7765697273666c6f))
	return steering{start: r.Uint32(), mul: [2]uint32{r.Uint32() | 1, r.Uint32() | 1}}
}

// Words of an sFlow version 5 datagram (specification, section 5).
const (
	offVersion   = 0
	offAgentType = 4 // 1 IPv4, 2 IPv6
	offAgent     = 8
	sflowVersion = 5
)

// skfNetOff addresses the network header in a socket filter (SKF_NET_OFF).
const skfNetOff = -0x100000

// program is the hash in classic BPF. The kernel runs it with offset 0 at the
// UDP payload and takes the result as the index of a socket in its group.
func (s steering) program(shards int) []unix.SockFilter {
	p := &assembler{}
	p.stmt(unix.BPF_LD|unix.BPF_IMM, s.start)
	p.stmt(unix.BPF_ST, 0)
	// The agent address, where the payload is long enough to have one.
	p.stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_LEN, 0)
	p.jump(unix.BPF_JGE, offAgent+4, "", "source")
	p.stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offVersion)
	p.jump(unix.BPF_JEQ, sflowVersion, "", "source")
	p.stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offAgentType)
	p.jump(unix.BPF_JEQ, 2, "agent6", "")
	p.jump(unix.BPF_JEQ, 1, "", "source")
	p.mix(s, offAgent)
	p.jump(unix.BPF_JA, 0, "source", "")
	p.label("agent6")
	p.stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_LEN, 0)
	p.jump(unix.BPF_JGE, offAgent+16, "", "source")
	for i := range 4 {
		p.mix(s, offAgent+4*i)
	}
	// The source address, from the IP header.
	p.label("source")
	p.stmt(unix.BPF_LD|unix.BPF_B|unix.BPF_ABS, uint32(0x100000000+skfNetOff))
	p.stmt(unix.BPF_ALU|unix.BPF_RSH|unix.BPF_K, 4)
	p.jump(unix.BPF_JEQ, 6, "source6", "")
	p.mix(s, skfNetOff+12)
	p.jump(unix.BPF_JA, 0, "end", "")
	p.label("source6")
	for i := range 4 {
		p.mix(s, skfNetOff+8+4*i)
	}
	p.label("end")
	p.stmt(unix.BPF_LD|unix.BPF_MEM, 0)
	p.xorShift(16)
	p.stmt(unix.BPF_ALU|unix.BPF_MUL|unix.BPF_K, s.mul[1])
	p.xorShift(15)
	p.stmt(unix.BPF_ALU|unix.BPF_MOD|unix.BPF_K, uint32(shards))
	p.stmt(unix.BPF_RET|unix.BPF_A, 0)
	return p.assemble()
}

// attach gives the program to the reuseport group of a bound socket.
func (s steering) attach(fd, shards int) error {
	filter := s.program(shards)
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		uintptr(unsafe.Pointer(&prog)), unsafe.Sizeof(prog), 0)
	if errno != 0 {
		return fmt.Errorf("setsockopt SO_ATTACH_REUSEPORT_CBPF: %w", errno)
	}
	return nil
}

// assembler collects instructions; labels are only jumped to forwards.
type assembler struct {
	code   []unix.SockFilter
	fixups []fixup
	labels map[string]int
}

type fixup struct {
	at         int
	yes, no    string
	uncondJump bool
}

func (p *assembler) stmt(code uint16, k uint32) {
	p.code = append(p.code, unix.SockFilter{Code: code, K: k})
}

// jump jumps to a label; the empty one is the next instruction.
func (p *assembler) jump(op uint16, k uint32, yes, no string) {
	p.fixups = append(p.fixups, fixup{len(p.code), yes, no, op == unix.BPF_JA})
	p.stmt(unix.BPF_JMP|op|unix.BPF_K, k)
}

func (p *assembler) label(name string) {
	if p.labels == nil {
		p.labels = make(map[string]int)
	}
	p.labels[name] = len(p.code)
}

// mix takes in the word at offset off, with the hash in M[0].
func (p *assembler) mix(s steering, off int) {
	p.stmt(unix.BPF_LDX|unix.BPF_MEM, 0)
	p.stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, uint32(int32(off)))
	p.stmt(unix.BPF_ALU|unix.BPF_XOR|unix.BPF_X, 0)
	p.stmt(unix.BPF_ALU|unix.BPF_MUL|unix.BPF_K, s.mul[0])
	p.xorShift(15)
	p.stmt(unix.BPF_ST, 0)
}

// xorShift is A ^= A >> n.
func (p *assembler) xorShift(n uint32) {
	p.stmt(unix.BPF_MISC|unix.BPF_TAX, 0)
	p.stmt(unix.BPF_ALU|unix.BPF_RSH|unix.BPF_K, n)
	p.stmt(unix.BPF_ALU|unix.BPF_XOR|unix.BPF_X, 0)
}

func (p *assembler) assemble() []unix.SockFilter {
	dist := func(from int, name string) int {
		if name == "" {
			return 0
		}
		return p.labels[name] - from - 1
	}
	for _, f := range p.fixups {
		if f.uncondJump {
			p.code[f.at].K = uint32(dist(f.at, f.yes))
			continue
		}
		p.code[f.at].Jt = uint8(dist(f.at, f.yes))
		p.code[f.at].Jf = uint8(dist(f.at, f.no))
	}
	return p.code
}
