import Foundation
import Histogram
import Synchronization

extension Bench {
    /// `get-while-writing`: point reads while one thread writes at one rate for both engines, half of the slower one's
    /// maximum.
    func getWhileWriting(_ pair: Pair, _ rows: Dataset) {
        let probe = Order.uniform(scale.reads / 5, of: rows.count, seed: 41)
        let fastest = [pair.godwit, pair.peer].map { run($0, [probe], putOperation(rows, version: 2)).perSecond }
        let rate = fastest.min()! / 2
        report.note("get-while-writing: \(rate.grouped) puts/s")
        let reads = Order.uniform(scale.reads, of: rows.count, seed: 42)
        let writes = Order.uniform(scale.reads, of: rows.count, seed: 43)
        let measure = { [self] (store: any Store) -> LatencyHistogram in
            let isOver = Atomic<Bool>(false)
            let writer = Thread { [reads = writes] in
                let session = store.session()
                let key = KeyBuffer()
                let begin = now()
                var done = 0
                while !isOver.load(ordering: .relaxed) {
                    let due = Int(Double(now() - begin) * rate / 1e9)
                    while done < due {
                        let row = Int(reads[done % reads.count])
                        key.set(existing: row)
                        session.put(key.pointer, rows.value(row, version: done), synced: false)
                        done += 1
                    }
                    usleep(200)
                }
                isOver.store(false, ordering: .releasing)
            }
            writer.start()
            let end = now() + UInt64(scale.mixedSeconds * 1e9)
            var histogram = LatencyHistogram.empty
            let session = store.session()
            let key = KeyBuffer()
            var index = 0
            var time = now()
            while time < end {
                key.set(existing: Int(reads[index]))
                let start = now()
                _ = session.get(key.pointer)
                time = now()
                _ = histogram.record(time - start)
                index = index + 1 == reads.count ? 0 : index + 1
            }
            isOver.store(true, ordering: .releasing)
            while isOver.load(ordering: .acquiring) { usleep(100) }
            return histogram
        }
        var godwit = LatencyHistogram.empty
        var peer = LatencyHistogram.empty
        let rounds = Rounds.measure(
            scale.rounds,
            godwit: {
                let histogram = measure(pair.godwit)
                godwit.add(histogram)
                return Double(histogram.valueAtPercentile(99.9))
            },
            peer: {
                let histogram = measure(pair.peer)
                peer.add(histogram)
                return Double(histogram.valueAtPercentile(99.9))
            })
        var row = Row("get-while-writing", threads: 2, unit: "ns", rounds)
        row.latencies = (godwit, peer)
        report.add(row)
    }
}
