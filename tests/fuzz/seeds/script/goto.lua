local n = 0
::again::
n = n + 1
if n < 100000 then goto again end
