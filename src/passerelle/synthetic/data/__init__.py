"""Tables: names, places, drugs, tests, illnesses. Who is invented, and what happens to them?"""
