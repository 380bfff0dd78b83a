# Prints what go test is to leave out where there is no browser (E2E_BROWSER) or no
# Node.js (E2E_NODE): names for its -skip, or a pattern that no test has. A test
# that wants one and is not named here fails.
set -eu

left=none
if [ "${E2E_BROWSER:-}" = none ]; then
	left="$left|TestPressingEverythingOnTheBadConsentPage|TestMainJobInABrowser|TestSignInAndConsentByKeyboardAlone|TestClientsInABrowser"
	left="$left|TestClientsWithoutScript|TestOtherScreensInABrowser|TestTheSinglePageRunsInABrowser|TestThePreviewFollowsWhatIsTyped"
	left="$left|TestFormPostInABrowser|TestEveryLessonInABrowser|TestEveryLessonOfTheLabInABrowser|TestALessonNeedsNoScript"
	left="$left|TestSigningOutInABrowser|TestAPageWithOIDCClientTS|TestEveryPage|TestAPlantedDefectIsFound"
	left="$left|TestTheThemeIsKept|TestANewDeveloperHasAnAnswerWithinFiveMinutes|TestTheWireViewInABrowser|TestEveryWayToLookAtARowInABrowser"
	left="$left|TestSteppingInABrowser|TestEveryLessonIsSteppedThroughInABrowser|TestTheInspectorInABrowser"
fi
if [ "${E2E_NODE:-}" = none ]; then
	left="$left|TestClientsFromNPM|TestAPageWithOIDCClientTS"
fi
echo "^($left)\$"
