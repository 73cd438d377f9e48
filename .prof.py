import time, cProfile, pstats, numpy as np, zstandard
from tests.bench.store import machine, HOUR_MS, STEP_MS
from sereno_server.store import blocks as B
bs=[B.encode([machine(1_700_000_000_000+h*HOUR_MS, 240, seed=h)]) for h in range(24)]
def t(f,n=10):
    r=[]
    for _ in range(n):
        s=time.perf_counter(); f(); r.append(time.perf_counter()-s)
    return min(r)*1000, sorted(r)[n//2]*1000
print("24 decode", t(lambda:[B.decode(b) for b in bs]))
import itertools
def frames():
    d=zstandard.ZstdDecompressor()
    for b in bs:
        ends=np.cumsum([1+B._LENGTHS.size,*B._LENGTHS.unpack_from(b,1)]).tolist()
        for s,e in itertools.pairwise(ends): d.decompress(b[s:e], max_output_size=B.BODY_BYTES_MAX)
print("frames", t(frames))
def ctx():
    for b in bs: zstandard.ZstdDecompressor()
print("ctx", t(ctx))
ms=[m for b in bs for m in B.decode(b)]
from sereno_server.store import samples as S
print("columns", t(lambda:S._columns(ms,None,0,1<<60)))
p=cProfile.Profile(); p.enable()
for _ in range(20): [B.decode(b) for b in bs]
p.disable(); pstats.Stats(p).sort_stats("tottime").print_stats(14)
