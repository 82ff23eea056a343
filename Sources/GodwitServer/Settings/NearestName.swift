/// Which of some names a misspelled one was meant to be.
enum NearestName {
    /// The name with the fewest letters to insert, remove or replace; of several the first. `names` has one at least.
    static func of(_ name: String, among names: [String]) -> String {
        names.map { (name: $0, distance: distance(Array(name), Array($0))) }.min { $0.distance < $1.distance }?.name
            ?? ""
    }

    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var row = Array(0...right.count)
        for (index, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let above = row[column + 1]
                row[column + 1] = min(above + 1, row[column] + 1, diagonal + (letter == right[column] ? 0 : 1))
                diagonal = above
            }
        }
        return row[right.count]
    }
}
