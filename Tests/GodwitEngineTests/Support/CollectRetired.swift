import Glibc

@testable import GodwitEngine

/// Collects what was retired until `condition` holds, for ten seconds at most: tests run side by side, and each other's
/// reads hold memory back for a moment.
func collectRetired(large: Bool = true, until condition: () -> Bool) -> Bool {
    for _ in 0..<10_000 {
        EpochDomain.collect(large: large)
        if condition() { return true }
        usleep(1000)
    }
    return false
}
