package udp
import ("testing";"time";"runtime")
func TestZZ(t *testing.T){
 runtime.LockOSThread()
 g:=listen(t,Config{Shards:1,ReceiveBuffer:4096})
 for _,rate:=range []float64{200000,300000,0} {
 s,_:=NewSender(SenderConfig{To:g.Addrs()[0],Rate:rate}); p:=sixSamples(1)
 b:=threadCPU(t);st:=time.Now(); for range 600000 { s.Send(t.Context(),p)}; s.Close()
 t.Logf("rate %v: %.0f/s cpu %v",rate,600000/time.Since(st).Seconds(),(threadCPU(t)-b)/600000)
 }
}
