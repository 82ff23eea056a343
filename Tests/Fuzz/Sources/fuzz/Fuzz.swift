import Foundation

/// The decoder that `GODWIT_FUZZ` names.
private let target: any FuzzTarget.Type = {
    let name = ProcessInfo.processInfo.environment["GODWIT_FUZZ"] ?? ""
    guard let target = targets[name] else {
        FileHandle.standardError.write(
            Data("set GODWIT_FUZZ to one of \(targets.keys.sorted().joined(separator: ", "))\n".utf8))
        exit(2)
    }
    return target
}()

private let targets: [String: any FuzzTarget.Type] = [
    "block": BlockTarget.self, "edit": EditTarget.self, "frame": FrameTarget.self, "index": IndexTarget.self,
    "message": MessageTarget.self, "record": RecordTarget.self,
]

/// A decoder under any bytes. A trap, a step outside of memory or a run without end is a finding; an error is not.
protocol FuzzTarget: SendableMetatype {
    /// Input to begin with, so that not every field has to be guessed.
    static var seeds: [[UInt8]] { get }
    static func run(_ bytes: [UInt8])
}

/// libFuzzer's way in, before the first input: with `GODWIT_FUZZ_SEEDS` set, writes the seeds there and ends.
@_cdecl("LLVMFuzzerInitialize")
func initialize(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>>
) -> CInt {
    guard let directory = ProcessInfo.processInfo.environment["GODWIT_FUZZ_SEEDS"] else { return 0 }
    for (number, seed) in target.seeds.enumerated() {
        guard FileManager.default.createFile(atPath: "\(directory)/seed-\(number)", contents: Data(seed)) else {
            fatalError("cannot write to \(directory)")
        }
    }
    exit(0)
}

/// libFuzzer's way in, for each input.
@_cdecl("LLVMFuzzerTestOneInput")
func runOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.run(Array(UnsafeBufferPointer(start: data, count: count)))
    return 0
}
