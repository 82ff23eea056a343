// swift-tools-version: 6.2
import PackageDescription

/// Measurements, apart from the engine's own package so that nothing they need becomes a dependency of Godwit.
let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(name: "godwit", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        .executableTarget(
            name: "engine-bench",
            dependencies: [
                .product(name: "GodwitEngine", package: "godwit"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6), .enableUpcomingFeature("MemberImportVisibility")])
    ]
)
