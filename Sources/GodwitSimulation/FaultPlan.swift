/// The faults still to come, and the count of calls that decides when they come.
struct FaultPlan {
    /// What becomes of one call.
    enum Verdict {
        /// It goes as it should, or with a fault.
        case goes(FaultEffect?)
        /// Power goes off in this very call: its effect may reach the disk, its caller hears an error.
        case losesPower
        /// Power is off.
        case refused
    }

    private var faults: [(fault: Fault, seen: Int)] = []
    private var counts: [Int] = Array(repeating: 0, count: CallKind.allCases.count)
    private(set) var calls = 0
    var powerOffAt: Int?
    var isPowerOff = false
    var isTracing = false
    var trace: [String] = []

    mutating func add(_ fault: Fault) { faults.append((fault, 0)) }

    mutating func clear() {
        faults = []
        powerOffAt = nil
        isPowerOff = false
    }

    /// How many calls of a kind there were.
    func count(of kind: CallKind) -> Int {
        CallKind.allCases.firstIndex(of: kind).map { counts[$0] } ?? 0
    }

    /// Counts a call and decides about it. The first fault of the plan that is due wins, and all matching ones count.
    mutating func judge(_ kind: CallKind, _ paths: [String]) -> Verdict {
        if isPowerOff { return .refused }
        calls += 1
        if let index = CallKind.allCases.firstIndex(of: kind) { counts[index] += 1 }
        if isTracing { trace.append(kind.rawValue + " " + paths.joined(separator: " ")) }
        if let powerOffAt, calls >= powerOffAt {
            isPowerOff = true
            return .losesPower
        }
        var effect: FaultEffect?
        for index in faults.indices {
            let fault = faults[index].fault
            guard fault.kinds?.contains(kind) ?? true, paths.contains(where: { $0.hasSuffix(fault.pathSuffix) }) else {
                continue
            }
            faults[index].seen += 1
            let turn = faults[index].seen - fault.atCall
            if turn >= 0, turn < fault.times, effect == nil { effect = fault.effect }
        }
        return .goes(effect)
    }
}
