#include "textflag.h"

// noteSender is a signal handler by the C ABI: number in R0, siginfo in R1, context in R2. It
// notes the eight octets of pid and uid, says that it did, and goes on in the
// handler of Go's runtime as if it had not been there.
TEXT noteSender<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVD 16(R1), R3
	MOVW 8(R1), R4
	AND  $63, R0, R5
	MOVD $·senders(SB), R6
	ADD  R5<<4, R6
	MOVD R3, (R6)
	MOVW R4, 8(R6)
	MOVD $1, R4
	MOVW R4, 12(R6)
	MOVD ·goHandler(SB), R3
	JMP  (R3)

// func noteSenderAddr() uintptr
TEXT ·noteSenderAddr(SB),NOSPLIT,$0-8
	MOVD $noteSender<>(SB), R3
	MOVD R3, ret+0(FP)
	RET
