#include "textflag.h"

// noteSender is a signal handler by the C ABI: number in DI, siginfo in SI, context in DX. It
// notes the eight octets of pid and uid, says that it did, and goes on in the
// handler of Go's runtime as if it had not been there.
TEXT noteSender<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVQ 16(SI), AX
	MOVL 8(SI), CX
	ANDL $63, DI
	LEAQ ·senders(SB), R8
	SHLQ $4, DI
	MOVQ AX, (R8)(DI*1)
	MOVL CX, 8(R8)(DI*1)
	MOVL $1, 12(R8)(DI*1)
	SHRQ $4, DI
	MOVQ ·goHandler(SB), AX
	JMP  AX

// func noteSenderAddr() uintptr
TEXT ·noteSenderAddr(SB),NOSPLIT,$0-8
	LEAQ noteSender<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET
